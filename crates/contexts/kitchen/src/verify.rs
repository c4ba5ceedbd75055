//! Audit of the invariants of kitchens.

use std::collections::{BTreeSet, HashMap};

use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error, Verified};
use pulse_store::{Commit, Store, StoreError};
use pulse_work::{Audit, Pages, read_stable};

use crate::app::emit_milestones;
use crate::domain::order::{Milestones, Progress};
use crate::domain::ticket::{State, TicketId};
use crate::store::items;
use crate::store::orders::{self, OrderRow};
use crate::store::tickets::{self, TicketRow};

/// Maximum number of rows that are read at once.
const PAGE: i64 = 500;

/// The counters of an order follow from its tickets, and the events that they require were published.
const PROGRESS: &str = "kitchen.order_progress";
/// A cancelled order has no open ticket.
const CANCELLED: &str = "kitchen.cancelled_orders";
/// Every ticket belongs to an order.
const OWNERS: &str = "kitchen.ticket_orders";
/// The version of an item is at least 1.
const ITEMS: &str = "kitchen.item_versions";

/// Checks the invariants of the context. With `repair`, tickets of cancelled orders are cancelled, order counters are
/// corrected, and events that should have been published are published.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn verify(store: &Store, repair: bool) -> Result<Verified, Error> {
    let mut audit = Audit::new(&[PROGRESS, CANCELLED, OWNERS, ITEMS], repair);
    check_orders(store, &mut audit).await?;
    check_owners(store, &mut audit).await?;
    check_items(store, &mut audit).await?;
    Ok(audit.finish())
}

async fn check_orders(store: &Store, audit: &mut Audit) -> Result<(), Error> {
    let mut pages = Pages::after(OrderId::new(0));
    while let Some(page) = pages.next(|after| orders::after(store, after, PAGE), |row| row.id).await? {
        let ids: Vec<OrderId> = page.iter().map(|row| row.id).collect();
        let mut states: HashMap<OrderId, Vec<State>> = HashMap::new();
        for (order, state) in tickets::states_of(store, &ids).await? {
            states.entry(order).or_default().push(state);
        }
        for row in &page {
            let states = states.remove(&row.id).unwrap_or_default();
            // The order and its tickets were read one after the other; a difference is confirmed by a stable reading.
            if !Expected::of(row, &states).is_met(row) {
                check_order(store, row.id, audit).await?;
            }
        }
    }
    audit.checked(PROGRESS, pages.row_count());
    audit.checked(CANCELLED, pages.row_count());
    Ok(())
}

/// State of an order that follows from its tickets.
struct Expected {
    progress: Progress,
    milestones: Milestones,
    /// Number of open tickets of a cancelled order.
    open_count: usize,
}

impl Expected {
    fn of(row: &OrderRow, states: &[State]) -> Self {
        let is_cancelled = row.progress.is_cancelled;
        let expected = |state: &State| if is_cancelled { state.after_cancel() } else { *state };
        let (progress, milestones) = row.progress.with(states.iter().map(expected));
        Self { progress, milestones, open_count: states.iter().filter(|state| expected(state) != **state).count() }
    }

    fn is_met(&self, row: &OrderRow) -> bool {
        self.progress == row.progress && self.open_count == 0
    }
}

async fn check_order(store: &Store, id: OrderId, audit: &mut Audit) -> Result<(), Error> {
    // A change of a ticket changes the version of its order.
    let order = read_stable(|| orders::by_id(store, id), |row| tickets::of_order(store, row.id)).await?;
    let Some((row, tickets)) = order else { return Ok(()) };
    let states: Vec<State> = tickets.iter().map(|ticket| ticket.state).collect();
    let expected = Expected::of(&row, &states);
    if expected.is_met(&row) {
        return Ok(());
    }
    let is_repaired = audit.is_repairing() && repair(store, &row, tickets, &expected).await?;
    if expected.progress != row.progress {
        let detail = format!("progress is {:?}; its tickets require {:?}", row.progress, expected.progress);
        audit.found(PROGRESS, format!("order {}", id.get()), detail, is_repaired);
    }
    if expected.open_count > 0 {
        let detail = format!("the order is cancelled, but {} of its tickets are open", expected.open_count);
        audit.found(CANCELLED, format!("order {}", id.get()), detail, is_repaired);
    }
    Ok(())
}

/// Writes the expected state of an order; `false` when the order was changed meanwhile.
async fn repair(store: &Store, row: &OrderRow, tickets: Vec<TicketRow>, expected: &Expected) -> Result<bool, Error> {
    let cx = Cx::system("kitchen.verify", store.clock().now());
    let row = OrderRow { progress: expected.progress, version: row.version + 1, ..*row };
    let mut commit = emit_milestones(orders::update(Commit::new(), &row), &row, expected.milestones, cx.now);
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

async fn check_owners(store: &Store, audit: &mut Audit) -> Result<(), Error> {
    let mut pages = Pages::after(TicketId::new(0));
    while let Some(page) = pages.next(|after| tickets::after(store, after, PAGE), |(ticket, _)| *ticket).await? {
        let ids: BTreeSet<OrderId> = page.iter().map(|(_, order)| *order).collect();
        let ids: Vec<OrderId> = ids.into_iter().collect();
        let known: BTreeSet<OrderId> = orders::known(store, &ids).await?.into_iter().collect();
        for (ticket, order) in page.into_iter().filter(|(_, order)| !known.contains(order)) {
            audit.found(
                OWNERS,
                format!("ticket {}", ticket.get()),
                format!("its order {} does not exist", order.get()),
                false,
            );
        }
    }
    audit.checked(OWNERS, pages.row_count());
    Ok(())
}

async fn check_items(store: &Store, audit: &mut Audit) -> Result<(), Error> {
    let mut pages = Pages::after((ShopId::new(0), 0));
    while let Some(page) = pages.next(|after| items::after(store, after, PAGE), |row| (row.shop, row.variant)).await? {
        for row in page.iter().filter(|row| row.version < 1) {
            let subject = format!("variant {} of shop {}", row.variant, row.shop.get());
            audit.found(ITEMS, subject, format!("version is {}; it must be at least 1", row.version), false);
        }
    }
    audit.checked(ITEMS, pages.row_count());
    Ok(())
}
