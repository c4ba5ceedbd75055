//! Streams the tickets of a shop: the open ones first, then each ticket that changes, with its state at that moment.
//!
//! A view remembers the version of each ticket that it has sent and compares it with the rows when it is notified or
//! polls. So a slow client misses no ticket, and the memory of a view is bounded. The view is a stream that is polled:
//! dropping it ends the subscription.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pulse_contract::kitchen::v1::{Ticket, WatchTicketsRequest};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_work::Subscription;

use super::{App, view};
use crate::domain::ticket::OPEN;
use crate::store::tickets::{self, TicketRow, Which};

/// Maximum number of open tickets of a view; the newest ones are shown.
const SHOWN_MAX: i64 = 500;
/// Maximum number of tickets that a view remembers: the shown tickets, and tickets that newer ones have displaced.
const KNOWN_MAX: usize = 1_000;

pub(crate) async fn watch_tickets(
    app: &App,
    cx: &Cx,
    request: WatchTicketsRequest,
) -> Result<BoxStream<'static, Result<Ticket, Error>>, Error> {
    let shop = ShopId::new(request.shop_id);
    let mut view = View {
        app: app.clone(),
        subscription: app.subscribers.subscribe(shop)?,
        shop,
        station: request.station,
        known: BTreeMap::new(),
        unsent: VecDeque::new(),
        ends_at: cx.deadline,
    };
    // Reads before the stream begins, so that a failure of the store is the answer of the call.
    view.read().await?;
    Ok(stream::try_unfold(view, |mut view| async move {
        let next = view.next().await?;
        Ok(next.map(|ticket| (ticket, view)))
    })
    .boxed())
}

/// The tickets of one client.
struct View {
    app: App,
    subscription: Subscription<ShopId>,
    shop: ShopId,
    station: String,
    /// Version of each ticket that was sent and is still open.
    known: BTreeMap<i64, i64>,
    unsent: VecDeque<Ticket>,
    ends_at: Timestamp,
}

impl View {
    /// Returns the next ticket; `None` after the deadline.
    async fn next(&mut self) -> Result<Option<Ticket>, Error> {
        loop {
            if let Some(ticket) = self.unsent.pop_front() {
                return Ok(Some(ticket));
            }
            if !self.subscription.changed(self.ends_at).await {
                return Ok(None);
            }
            self.read().await?;
        }
    }

    /// Queues the tickets that differ from what was sent.
    async fn read(&mut self) -> Result<(), Error> {
        let store = &self.app.deps.store;
        self.subscription.begin_read();
        let which = Which { shop: self.shop, station: &self.station, states: &OPEN };
        let open: BTreeMap<i64, i64> = tickets::newest(store, &which, SHOWN_MAX).await?.into_iter().collect();
        // New and changed tickets, and tickets that left the newest open ones.
        let different = |(id, version): (&i64, &i64)| (self.known.get(id) != Some(version)).then_some(*id);
        let gone = self.known.keys().filter(|id| !open.contains_key(id)).copied();
        let ids: BTreeSet<i64> = open.iter().filter_map(different).chain(gone).collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        for row in tickets::by_ids(store, &ids).await? {
            self.queue(row);
        }
        while self.known.len() > KNOWN_MAX {
            self.known.pop_first();
        }
        Ok(())
    }

    fn queue(&mut self, row: TicketRow) {
        let (id, version) = (row.id.get(), row.version);
        let before = if row.state.is_open() { self.known.insert(id, version) } else { self.known.remove(&id) };
        if before != Some(version) {
            self.unsent.push_back(view::ticket(row));
        }
    }
}
