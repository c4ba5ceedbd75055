//! Tickets.

use pulse_contract::errors;
use pulse_contract::kitchen::v1::{StoredTicket, TicketState};
use pulse_kernel::id::{OrderId, ShopId};
use pulse_store::{Commit, Insert, Statement, Store, StoreError, Value, row, stored_enum, stored_id, values};

use crate::domain::ticket::{State, TicketId, WAITING};

/// Maximum number of waiting tickets of a station that count for an estimate.
const QUEUE_MAX: i64 = 500;

stored_id!(TicketId);
stored_enum! { State as TicketState }

row! {
    /// A ticket.
    #[derive(Clone, Debug)]
    pub(crate) struct TicketRow {
        pub(crate) id: TicketId = "id",
        pub(crate) shop: ShopId = "shop_id",
        pub(crate) order: OrderId = "order_id",
        pub(crate) station: String = "station",
        pub(crate) state: State = "state",
        pub(crate) unit_count: u32 = "unit_count",
        pub(crate) details: StoredTicket = "details" as message,
        pub(crate) version: i64 = "version",
    }
}

pub(crate) async fn by_id(store: &Store, shop: ShopId, id: TicketId) -> Result<Option<TicketRow>, StoreError> {
    let query = Statement::new("SELECT * FROM kitchen_tickets WHERE id = ? AND shop_id = ?", values![id, shop]);
    store.optional(query).await
}

/// The tickets of an order, ordered by ID.
pub(crate) async fn of_order(store: &Store, order: OrderId) -> Result<Vec<TicketRow>, StoreError> {
    let query = Statement::new("SELECT * FROM kitchen_tickets WHERE order_id = ? ORDER BY id", values![order]);
    store.all(query).await
}

/// The tickets that exist, ordered by ID.
pub(crate) async fn by_ids(store: &Store, ids: &[i64]) -> Result<Vec<TicketRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT * FROM kitchen_tickets WHERE id IN (??) ORDER BY id";
    store.all(Statement::listing(text, ids.iter().copied(), values![])).await
}

/// Order and state of each ticket of these orders.
pub(crate) async fn states_of(store: &Store, orders: &[OrderId]) -> Result<Vec<(OrderId, State)>, StoreError> {
    let text = "SELECT order_id, state FROM kitchen_tickets WHERE order_id IN (??)";
    store.all(Statement::listing(text, orders.iter().copied(), values![])).await
}

/// ID and order of tickets, ordered by ID.
pub(crate) async fn after(store: &Store, id: TicketId, limit: i64) -> Result<Vec<(TicketId, OrderId)>, StoreError> {
    let text = "SELECT id, order_id FROM kitchen_tickets WHERE id > ? ORDER BY id LIMIT ?";
    store.all(Statement::new(text, values![id, limit])).await
}

/// Number of units that wait at a station, of at most [`QUEUE_MAX`] tickets.
pub(crate) async fn units_waiting(store: &Store, shop: ShopId, station: &str) -> Result<u32, StoreError> {
    let text = "SELECT unit_count FROM kitchen_tickets WHERE shop_id = ? AND station = ? AND state IN (??) LIMIT ?";
    let units: Vec<u32> = store.all(Statement::listing(text, WAITING, values![shop, station, QUEUE_MAX])).await?;
    Ok(units.into_iter().fold(0, u32::saturating_add))
}

/// Filter of the tickets of a shop: station (empty for all stations) and states.
#[derive(Clone, Debug)]
pub(crate) struct Which<'a> {
    pub(crate) shop: ShopId,
    pub(crate) station: &'a str,
    pub(crate) states: &'a [State],
}

impl Which<'_> {
    /// One index range per state, each with its own limit, so that only a few rows are sorted.
    fn ranges(&self, columns: &str, order: &str, after: TicketId, limit: i64) -> (String, Vec<Value>) {
        let mut args = Vec::with_capacity(self.states.len() * 5);
        let ranges = self.states.iter().enumerate().map(|(index, state)| {
            args.extend(values![self.shop, *state]);
            let at_station = if self.station.is_empty() { "" } else { "AND station = ? " };
            if !self.station.is_empty() {
                args.push(self.station.into());
            }
            args.extend(values![after, limit]);
            format!(
                "SELECT {columns} FROM (SELECT {columns} FROM kitchen_tickets WHERE shop_id = ? AND state = ? \
                 {at_station}AND id > ? ORDER BY {order} LIMIT ?) AS range{index}"
            )
        });
        let text = ranges.collect::<Vec<_>>().join(" UNION ALL ");
        args.push(limit.into());
        (format!("{text} ORDER BY {order} LIMIT ?"), args)
    }
}

/// A page of tickets, oldest first.
pub(crate) async fn page(
    store: &Store,
    which: &Which<'_>,
    after: TicketId,
    limit: i64,
) -> Result<Vec<TicketRow>, StoreError> {
    let (text, args) = which.ranges("*", "id", after, limit);
    store.all(Statement::composed(text, args)).await
}

/// ID and version of the newest `limit` tickets, newest first.
pub(crate) async fn newest(store: &Store, which: &Which<'_>, limit: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    let (text, args) = which.ranges("id, version", "id DESC", TicketId::new(0), limit);
    store.all(Statement::composed(text, args)).await
}

/// Adds the writes of new tickets; an existing ticket of the same order and station makes it a conflict.
pub(crate) fn insert(commit: Commit, rows: &[TicketRow]) -> Commit {
    commit.insert(Insert::rows("kitchen_tickets", rows)).duplicate_is(&errors::STORE_CONTENDED)
}

/// Adds the write of `row`, which has its next version; a concurrent write makes it a conflict.
pub(crate) fn update(commit: Commit, row: &TicketRow) -> Commit {
    let update = Statement::new(
        "UPDATE kitchen_tickets SET state = ?, details = ?, version = ? WHERE id = ? AND version = ?",
        values![row.state, Value::message(&row.details), row.version, row.id, row.version - 1],
    );
    commit.write(update).expect_rows(1)
}

/// Adds the write that deletes the tickets of an order.
pub(crate) fn purge_of(commit: Commit, order: OrderId) -> Commit {
    commit.write(Statement::new("DELETE FROM kitchen_tickets WHERE order_id = ?", values![order]))
}
