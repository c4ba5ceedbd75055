//! Tickets.

use prost::Message;
use pulse_contract::errors;
use pulse_contract::kitchen::v1::{StoredTicket, TicketState};
use pulse_kernel::id::{OrderId, ShopId};
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, Value, values};

use crate::domain::ticket::{State, TicketId, WAITING};

/// How many waiting tickets of a station count for an estimate.
const QUEUE_MAX: i64 = 500;

/// A ticket as its row tells.
#[derive(Clone, Debug)]
pub(crate) struct TicketRow {
    pub(crate) id: TicketId,
    pub(crate) shop: ShopId,
    pub(crate) order: OrderId,
    pub(crate) station: String,
    pub(crate) state: State,
    pub(crate) unit_count: u32,
    pub(crate) details: StoredTicket,
    pub(crate) version: i64,
}

impl FromRow for TicketRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: TicketId::new(row.get("id")?),
            shop: row.get("shop_id")?,
            order: OrderId::new(row.get("order_id")?),
            station: row.get("station")?,
            state: state(row.get("state")?).ok_or_else(|| super::defect("a ticket has no such state"))?,
            unit_count: row.get("unit_count")?,
            details: super::decode(row.get("details")?)?,
            version: row.get("version")?,
        })
    }
}

/// The state that the wire and the row call so.
pub(crate) fn state(code: i32) -> Option<State> {
    Some(match TicketState::try_from(code).ok()? {
        TicketState::Unspecified => return None,
        TicketState::New => State::New,
        TicketState::Accepted => State::Accepted,
        TicketState::Started => State::Started,
        TicketState::Ready => State::Ready,
        TicketState::Bumped => State::Bumped,
        TicketState::Cancelled => State::Cancelled,
    })
}

/// What the wire and the row call a state.
pub(crate) fn code(state: State) -> TicketState {
    match state {
        State::New => TicketState::New,
        State::Accepted => TicketState::Accepted,
        State::Started => TicketState::Started,
        State::Ready => TicketState::Ready,
        State::Bumped => TicketState::Bumped,
        State::Cancelled => TicketState::Cancelled,
    }
}

pub(crate) async fn by_id(store: &Store, shop: ShopId, id: TicketId) -> Result<Option<TicketRow>, StoreError> {
    let query = Statement::new("SELECT * FROM kitchen_tickets WHERE id = ? AND shop_id = ?", values![id.get(), shop]);
    store.optional(query).await
}

/// The tickets of an order, in the order of their ids.
pub(crate) async fn of_order(store: &Store, order: OrderId) -> Result<Vec<TicketRow>, StoreError> {
    let query = Statement::new("SELECT * FROM kitchen_tickets WHERE order_id = ? ORDER BY id", values![order.get()]);
    store.all(query).await
}

/// These tickets, in the order of their ids.
pub(crate) async fn by_ids(store: &Store, ids: &[i64]) -> Result<Vec<TicketRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT * FROM kitchen_tickets WHERE id IN (??) ORDER BY id";
    store.all(Statement::listing(text, ids.iter().copied(), values![])).await
}

/// The order and the state of each ticket of these orders.
pub(crate) async fn states_of(store: &Store, orders: &[OrderId]) -> Result<Vec<(i64, i32)>, StoreError> {
    let text = "SELECT order_id, state FROM kitchen_tickets WHERE order_id IN (??)";
    store.all(Statement::listing(text, orders.iter().map(|order| order.get()), values![])).await
}

/// The id and the order of tickets, in the order of their ids.
pub(crate) async fn after(store: &Store, id: TicketId, limit: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    let text = "SELECT id, order_id FROM kitchen_tickets WHERE id > ? ORDER BY id LIMIT ?";
    store.all(Statement::new(text, values![id.get(), limit])).await
}

/// How many units a station is still to make; of at most [`QUEUE_MAX`] tickets.
pub(crate) async fn units_waiting(store: &Store, shop: ShopId, station: &str) -> Result<u32, StoreError> {
    let text = "SELECT unit_count FROM kitchen_tickets WHERE shop_id = ? AND station = ? AND state IN (??) LIMIT ?";
    let waiting = WAITING.map(|state| i32::from(code(state)));
    let query = Statement::listing(text, waiting, values![shop, station.to_owned(), QUEUE_MAX]);
    let rows: Vec<(u32,)> = store.all(query).await?;
    Ok(rows.into_iter().fold(0, |sum: u32, (units,)| sum.saturating_add(units)))
}

/// Which tickets of a shop: those of a station, or of all when it is empty, in any of these states.
#[derive(Clone, Debug)]
pub(crate) struct Which<'a> {
    pub(crate) shop: ShopId,
    pub(crate) station: &'a str,
    pub(crate) states: &'a [State],
}

impl Which<'_> {
    /// One range of an index per state, each with its own limit, instead of a list that would be sorted as a whole.
    fn ranges(&self, columns: &str, order: &str, after: TicketId, limit: i64) -> (String, Vec<Value>) {
        let mut args = Vec::with_capacity(self.states.len() * 5);
        let ranges = self.states.iter().enumerate().map(|(index, state)| {
            args.extend(values![self.shop, i32::from(code(*state))]);
            let at_station = if self.station.is_empty() { "" } else { "AND station = ? " };
            if !self.station.is_empty() {
                args.push(self.station.to_owned().into());
            }
            args.extend(values![after.get(), limit]);
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

/// The id and the version of the newest `limit` tickets, newest first.
pub(crate) async fn newest(store: &Store, which: &Which<'_>, limit: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    let (text, args) = which.ranges("id, version", "id DESC", TicketId::new(0), limit);
    store.all(Statement::composed(text, args)).await
}

/// Adds the writes of new tickets; a station that has one of this order by now is a conflict.
pub(crate) fn insert(commit: Commit, rows: &[TicketRow]) -> Commit {
    let columns = &["id", "shop_id", "order_id", "station", "state", "unit_count", "details", "version"];
    let insert = rows.iter().fold(Insert::into("kitchen_tickets", columns), |insert, row| {
        insert.row(values![
            row.id.get(),
            row.shop,
            row.order.get(),
            row.station.as_str(),
            i32::from(code(row.state)),
            row.unit_count,
            row.details.encode_to_vec(),
            row.version
        ])
    });
    commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED)
}

/// Adds the write of `row`, which has its next version; somebody else's write is a conflict.
pub(crate) fn update(commit: Commit, row: &TicketRow) -> Commit {
    let update = Statement::new(
        "UPDATE kitchen_tickets SET state = ?, details = ?, version = ? WHERE id = ? AND version = ?",
        values![i32::from(code(row.state)), row.details.encode_to_vec(), row.version, row.id.get(), row.version - 1],
    );
    commit.write(update).expect_rows(1)
}

/// Adds the write that forgets the tickets of an order.
pub(crate) fn forget_of(commit: Commit, order: OrderId) -> Commit {
    commit.write(Statement::new("DELETE FROM kitchen_tickets WHERE order_id = ?", values![order.get()]))
}
