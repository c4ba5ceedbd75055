//! Checks what must always be true of kitchens, a page of rows at a time.

use std::collections::{BTreeSet, HashMap};

use pulse_kernel::finding::FINDINGS_MAX;
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error, Finding, Verified};
use pulse_store::{Commit, Store, StoreError};

use crate::app::tell;
use crate::domain::order::{News, Progress};
use crate::domain::ticket::{State, TicketId};
use crate::store::items;
use crate::store::orders::{self, OrderRow};
use crate::store::tickets::{self, TicketRow};

/// How many rows are read at a time.
const PAGE: i64 = 500;
/// How often an order is read that others change meanwhile; then it is left to the next check.
const READS_MAX: u32 = 5;

/// The counts of an order are those of its tickets, and what they say was told.
const PROGRESS: &str = "kitchen.order_progress";
/// Nothing of a cancelled order is on a screen.
const CANCELLED: &str = "kitchen.cancelled_orders";
/// Every ticket has its order.
const OWNERS: &str = "kitchen.ticket_orders";
/// An item that has a row has changed at least once.
const ITEMS: &str = "kitchen.item_versions";

/// Checks the invariants of the context. With `repair`, tickets of cancelled orders leave the screens, the counts of
/// orders are put right, and what they say and nobody was told is told.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn verify(store: &Store, repair: bool) -> Result<Verified, Error> {
    let mut verified = Verified::default();
    check_orders(store, repair, &mut verified).await?;
    check_owners(store, &mut verified).await?;
    check_items(store, &mut verified).await?;
    Ok(verified)
}

async fn check_orders(store: &Store, repair: bool, verified: &mut Verified) -> Result<(), Error> {
    let (mut after, mut count) = (OrderId::new(0), 0);
    loop {
        let page = orders::after(store, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let ids: Vec<OrderId> = page.iter().map(|row| row.id).collect();
        let mut states: HashMap<i64, Vec<State>> = HashMap::new();
        for (order, state) in tickets::states_of(store, &ids).await? {
            states.entry(order).or_default().extend(tickets::state(state));
        }
        for row in &page {
            count += 1;
            let states = states.remove(&row.id.get()).unwrap_or_default();
            // Somebody may have changed one between the two reads, so what looks wrong is looked at closely.
            if !Due::of(row, &states).is_nothing(row) {
                check_order(store, repair, row.id, verified).await?;
            }
        }
    }
    verified.checked.extend([(PROGRESS, count), (CANCELLED, count)]);
    Ok(())
}

/// What an order should say, given its tickets.
struct Due {
    progress: Progress,
    news: News,
    /// How many tickets should be off the screens.
    left_behind: usize,
}

impl Due {
    fn of(row: &OrderRow, states: &[State]) -> Self {
        let is_cancelled = row.progress.is_cancelled;
        let due = |state: &State| if is_cancelled { state.after_cancel() } else { *state };
        let (progress, news) = row.progress.with(states.iter().map(due));
        Self { progress, news, left_behind: states.iter().filter(|state| due(state) != **state).count() }
    }

    fn is_nothing(&self, row: &OrderRow) -> bool {
        self.progress == row.progress && self.left_behind == 0
    }
}

async fn check_order(store: &Store, repair: bool, id: OrderId, verified: &mut Verified) -> Result<(), Error> {
    let Some((row, tickets)) = read(store, id).await? else { return Ok(()) };
    let states: Vec<State> = tickets.iter().map(|ticket| ticket.state).collect();
    let due = Due::of(&row, &states);
    if due.is_nothing(&row) {
        return Ok(());
    }
    let is_repaired = repair && mend(store, &row, tickets, &due).await?;
    if due.progress != row.progress {
        let detail = format!("says {:?}, its tickets say {:?}", row.progress, due.progress);
        add(verified, PROGRESS, (format!("order {}", id.get()), detail), is_repaired);
    }
    if due.left_behind > 0 {
        let detail = format!("cancelled, and {} of its tickets are on screens; 0 should be", due.left_behind);
        add(verified, CANCELLED, (format!("order {}", id.get()), detail), is_repaired);
    }
    Ok(())
}

/// An order and its tickets as they were at one moment: whoever changes a ticket changes the version of its order.
async fn read(store: &Store, id: OrderId) -> Result<Option<(OrderRow, Vec<TicketRow>)>, Error> {
    for _ in 0..READS_MAX {
        let Some(before) = orders::by_id(store, id).await? else { return Ok(None) };
        let tickets = tickets::of_order(store, id).await?;
        if orders::by_id(store, id).await?.is_some_and(|after| after.version == before.version) {
            return Ok(Some((before, tickets)));
        }
    }
    Ok(None)
}

/// Puts an order right; `false` when somebody else changed it meanwhile.
async fn mend(store: &Store, row: &OrderRow, tickets: Vec<TicketRow>, due: &Due) -> Result<bool, Error> {
    let cx = Cx::system("kitchen.verify", store.clock().now());
    let row = OrderRow { progress: due.progress, version: row.version + 1, ..*row };
    let mut commit = tell(orders::update(Commit::new(), &row), &row, due.news, cx.now);
    if row.progress.is_cancelled {
        for ticket in tickets.into_iter().filter(|ticket| ticket.state != ticket.state.after_cancel()) {
            let (state, version) = (ticket.state.after_cancel(), ticket.version + 1);
            commit = tickets::update(commit, &TicketRow { state, version, ..ticket });
        }
    }
    match store.commit(&cx, commit).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn check_owners(store: &Store, verified: &mut Verified) -> Result<(), Error> {
    let (mut after, mut count) = (TicketId::new(0), 0);
    loop {
        let page = tickets::after(store, after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = TicketId::new(*last);
        let ids: BTreeSet<i64> = page.iter().map(|(_, order)| *order).collect();
        let ids: Vec<OrderId> = ids.into_iter().map(OrderId::new).collect();
        let known: BTreeSet<i64> = orders::known(store, &ids).await?.into_iter().collect();
        for (ticket, order) in page {
            count += 1;
            if !known.contains(&order) {
                let detail = format!("order {order} has 0 rows; 1 should be");
                add(verified, OWNERS, (format!("ticket {ticket}"), detail), false);
            }
        }
    }
    verified.checked.push((OWNERS, count));
    Ok(())
}

async fn check_items(store: &Store, verified: &mut Verified) -> Result<(), Error> {
    let (mut after, mut count) = ((ShopId::new(0), 0), 0);
    loop {
        let page = items::after(store, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = (last.shop, last.variant);
        for row in page {
            count += 1;
            if row.version < 1 {
                let detail = format!("version {}; at least 1 should be", row.version);
                add(verified, ITEMS, (format!("variant {} of shop {}", row.variant, row.shop.get()), detail), false);
            }
        }
    }
    verified.checked.push((ITEMS, count));
    Ok(())
}

fn add(verified: &mut Verified, invariant: &'static str, (subject, detail): (String, String), is_repaired: bool) {
    if verified.findings.iter().filter(|finding| finding.invariant == invariant).count() < FINDINGS_MAX {
        verified.findings.push(Finding { invariant, subject, detail, is_repaired });
    }
}
