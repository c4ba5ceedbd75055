//! Streams the tickets of a kitchen to a screen: those that are open, then each one that changes, as it is now.
//!
//! A screen remembers which version of which ticket it has shown, and compares that with the rows whenever something
//! has changed in this process, and every few seconds for what other nodes have changed. So it misses no change, however
//! slow it is, and what it remembers is bounded. It is a value that is polled: when the caller goes, everything goes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pulse_contract::kitchen::v1::{Ticket, WatchTicketsRequest};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Timestamp};

use super::{App, view};
use crate::domain::ticket::OPEN;
use crate::screens::Screen;
use crate::store::tickets::{self, TicketRow, Which};

/// How many open tickets a screen shows, the newest ones.
const SHOWN_MAX: i64 = 500;
/// How many tickets a screen remembers: those that it shows, and those that newer ones have pushed out.
const KNOWN_MAX: usize = 1_000;
/// How often a screen looks for what other nodes have changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often it looks when there are no other nodes: for a change whose maker was cut off before it could say so.
const LOOK_EVERY_ALONE: Duration = Duration::from_secs(15);

pub(crate) async fn watch_tickets(
    app: &App,
    cx: &Cx,
    request: WatchTicketsRequest,
) -> Result<BoxStream<'static, Result<Ticket, Error>>, Error> {
    let shop = ShopId::new(request.shop_id);
    let mut view = View {
        app: app.clone(),
        screen: app.screens.add(shop),
        shop,
        station: request.station,
        known: BTreeMap::new(),
        waiting: VecDeque::new(),
        looked_at: cx.now,
        ends_at: cx.deadline,
    };
    // Here, so that a store that does not answer refuses the call instead of breaking the stream off.
    view.look().await?;
    Ok(stream::try_unfold(view, |mut view| async move {
        let next = view.next().await?;
        Ok(next.map(|ticket| (ticket, view)))
    })
    .boxed())
}

/// What a screen shows.
struct View {
    app: App,
    screen: Screen,
    shop: ShopId,
    station: String,
    /// The version of each ticket that was shown and is still open.
    known: BTreeMap<i64, i64>,
    /// What is to be shown next.
    waiting: VecDeque<Ticket>,
    looked_at: Timestamp,
    ends_at: Timestamp,
}

impl View {
    /// The next ticket; `None` when the time is over.
    async fn next(&mut self) -> Result<Option<Ticket>, Error> {
        loop {
            if let Some(ticket) = self.waiting.pop_front() {
                return Ok(Some(ticket));
            }
            if !self.wait().await {
                return Ok(None);
            }
            self.look().await?;
        }
    }

    /// Waits until there is a reason to look; `false` when the time is over.
    async fn wait(&mut self) -> bool {
        let store = &self.app.deps.store;
        let pause = if store.database().is_shared() { LOOK_EVERY } else { LOOK_EVERY_ALONE };
        let clock = store.clock();
        tokio::select! {
            biased;
            () = clock.sleep_until(self.ends_at) => false,
            () = self.screen.changed() => true,
            () = clock.sleep_until(self.looked_at.plus(pause)) => true,
        }
    }

    /// Finds what is different from what was shown.
    async fn look(&mut self) -> Result<(), Error> {
        let store = &self.app.deps.store;
        self.looked_at = store.clock().now();
        // Before reading: what changes while we read is a reason to look again.
        self.screen.look();
        let which = Which { shop: self.shop, station: &self.station, states: &OPEN };
        let open: BTreeMap<i64, i64> = tickets::newest(store, &which, SHOWN_MAX).await?.into_iter().collect();
        // Those that have changed, those that came, and those that are not among the newest open ones any more.
        let different = |(id, version): (&i64, &i64)| (self.known.get(id) != Some(version)).then_some(*id);
        let gone = self.known.keys().filter(|id| !open.contains_key(id)).copied();
        let ids: BTreeSet<i64> = open.iter().filter_map(different).chain(gone).collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        for row in tickets::by_ids(store, &ids).await? {
            self.show(row);
        }
        while self.known.len() > KNOWN_MAX {
            self.known.pop_first();
        }
        Ok(())
    }

    fn show(&mut self, row: TicketRow) {
        let (id, version) = (row.id.get(), row.version);
        let before = if row.state.is_open() { self.known.insert(id, version) } else { self.known.remove(&id) };
        if before != Some(version) {
            self.waiting.push_back(view::ticket(row));
        }
    }
}
