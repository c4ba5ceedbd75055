//! How far the tickets of orders are.

use pulse_contract::errors;
use pulse_kernel::id::{OrderId, ShopId};
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, values};

use crate::domain::order::Progress;

/// An order as its row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderRow {
    pub(crate) id: OrderId,
    pub(crate) shop: ShopId,
    pub(crate) progress: Progress,
    /// The newest version of the order that was heard of: what is older and comes late changes nothing.
    pub(crate) order_version: i64,
    pub(crate) version: i64,
}

impl FromRow for OrderRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: OrderId::new(row.get("order_id")?),
            shop: row.get("shop_id")?,
            progress: Progress {
                ticket_count: row.get("ticket_count")?,
                started_count: row.get("started_count")?,
                ready_count: row.get("ready_count")?,
                is_started_told: row.get("is_started_told")?,
                is_ready_told: row.get("is_ready_told")?,
                is_cancelled: row.get("is_cancelled")?,
            },
            order_version: row.get("order_version")?,
            version: row.get("version")?,
        })
    }
}

pub(crate) async fn by_id(store: &Store, id: OrderId) -> Result<Option<OrderRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM kitchen_orders WHERE order_id = ?", values![id.get()])).await
}

/// Which of these orders there are.
pub(crate) async fn known(store: &Store, ids: &[OrderId]) -> Result<Vec<i64>, StoreError> {
    let ids = ids.iter().map(|id| id.get());
    let query = Statement::listing("SELECT order_id FROM kitchen_orders WHERE order_id IN (??)", ids, values![]);
    let rows: Vec<(i64,)> = store.all(query).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Orders in the order of their ids.
pub(crate) async fn after(store: &Store, id: OrderId, limit: i64) -> Result<Vec<OrderRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM kitchen_orders WHERE order_id > ? ORDER BY order_id LIMIT ?",
        values![id.get(), limit],
    );
    store.all(query).await
}

/// Adds the write of a new order; one that is there by now is a conflict.
pub(crate) fn insert(commit: Commit, row: &OrderRow) -> Commit {
    let insert = Insert::into(
        "kitchen_orders",
        &[
            "order_id",
            "shop_id",
            "ticket_count",
            "started_count",
            "ready_count",
            "is_started_told",
            "is_ready_told",
            "is_cancelled",
            "order_version",
            "version",
        ],
    )
    .row(values![
        row.id.get(),
        row.shop,
        row.progress.ticket_count,
        row.progress.started_count,
        row.progress.ready_count,
        row.progress.is_started_told,
        row.progress.is_ready_told,
        row.progress.is_cancelled,
        row.order_version,
        row.version
    ]);
    commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED)
}

/// Adds the write of `row`, which has its next version; somebody else's write is a conflict.
pub(crate) fn update(commit: Commit, row: &OrderRow) -> Commit {
    let update = Statement::new(
        "UPDATE kitchen_orders SET ticket_count = ?, started_count = ?, ready_count = ?, is_started_told = ?, \
         is_ready_told = ?, is_cancelled = ?, order_version = ?, version = ? WHERE order_id = ? AND version = ?",
        values![
            row.progress.ticket_count,
            row.progress.started_count,
            row.progress.ready_count,
            row.progress.is_started_told,
            row.progress.is_ready_told,
            row.progress.is_cancelled,
            row.order_version,
            row.version,
            row.id.get(),
            row.version - 1
        ],
    );
    commit.write(update).expect_rows(1)
}

/// Adds the write that forgets an order as it was read; somebody else's write makes it a conflict.
pub(crate) fn forget(commit: Commit, row: &OrderRow) -> Commit {
    let delete = Statement::new(
        "DELETE FROM kitchen_orders WHERE order_id = ? AND version = ?",
        values![row.id.get(), row.version],
    );
    commit.write(delete).expect_rows(1)
}
