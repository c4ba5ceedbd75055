//! Progress of the tickets of orders.

use pulse_contract::errors;
use pulse_kernel::id::{OrderId, ShopId};
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

use crate::domain::order::Progress;

row! {
    /// An order and the progress of its tickets.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct OrderRow {
        pub(crate) id: OrderId = "order_id",
        pub(crate) shop: ShopId = "shop_id",
        /// Newest version of the order that an event carried. Older events that arrive later change nothing.
        pub(crate) order_version: i64 = "order_version",
        pub(crate) version: i64 = "version",
    } with {
        pub(crate) progress: Progress {
            ticket_count = "ticket_count",
            started_count = "started_count",
            ready_count = "ready_count",
            is_started_published = "is_started_published",
            is_ready_published = "is_ready_published",
            is_cancelled = "is_cancelled",
        },
    }
}

pub(crate) async fn by_id(store: &Store, id: OrderId) -> Result<Option<OrderRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM kitchen_orders WHERE order_id = ?", values![id])).await
}

/// The orders that have a row.
pub(crate) async fn known(store: &Store, ids: &[OrderId]) -> Result<Vec<OrderId>, StoreError> {
    let text = "SELECT order_id FROM kitchen_orders WHERE order_id IN (??)";
    store.all(Statement::listing(text, ids.iter().copied(), values![])).await
}

/// Orders, ordered by ID.
pub(crate) async fn after(store: &Store, id: OrderId, limit: i64) -> Result<Vec<OrderRow>, StoreError> {
    let query =
        Statement::new("SELECT * FROM kitchen_orders WHERE order_id > ? ORDER BY order_id LIMIT ?", values![id, limit]);
    store.all(query).await
}

/// Adds the write of a new order; an existing row makes it a conflict.
pub(crate) fn insert(commit: Commit, row: &OrderRow) -> Commit {
    commit.insert(Insert::rows("kitchen_orders", [row])).duplicate_is(&errors::STORE_CONTENDED)
}

/// Adds the write of `row`, which has its next version; a concurrent write makes it a conflict.
pub(crate) fn update(commit: Commit, row: &OrderRow) -> Commit {
    let update = Statement::new(
        "UPDATE kitchen_orders SET ticket_count = ?, started_count = ?, ready_count = ?, is_started_published = ?, \
         is_ready_published = ?, is_cancelled = ?, order_version = ?, version = ? WHERE order_id = ? AND version = ?",
        values![
            row.progress.ticket_count,
            row.progress.started_count,
            row.progress.ready_count,
            row.progress.is_started_published,
            row.progress.is_ready_published,
            row.progress.is_cancelled,
            row.order_version,
            row.version,
            row.id,
            row.version - 1
        ],
    );
    commit.write(update).expect_rows(1)
}

/// Adds the write that deletes an order; a concurrent write makes it a conflict.
pub(crate) fn purge(commit: Commit, row: &OrderRow) -> Commit {
    let delete =
        Statement::new("DELETE FROM kitchen_orders WHERE order_id = ? AND version = ?", values![row.id, row.version]);
    commit.write(delete).expect_rows(1)
}
