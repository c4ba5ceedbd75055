//! Refunds of orders that buy or earn coupons.

use pulse_contract::errors;
use pulse_kernel::id::OrderId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

row! {
    /// Refunds of an order.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct OrderRefundRow {
        pub(crate) order: OrderId = "order_id",
        pub(crate) paid_minor: i64 = "paid_minor",
        /// Sum of the requested and completed refunds in minor units.
        pub(crate) refunded_minor: i64 = "refunded_minor",
        /// Number of vouchers that published refunds pay back.
        pub(crate) refunded_quantity: i64 = "refunded_quantity",
        /// Number of vouchers that are revoked for a refund that is not published yet; 0 for none.
        pub(crate) pending_quantity: i64 = "pending_quantity",
        /// Newest version of the order that an event carried.
        pub(crate) order_version: i64 = "order_version",
        /// Version of the row; 0 for a row that does not exist.
        pub(crate) version: i64 = "version",
    }
}

impl OrderRefundRow {
    /// The row of an order without refunds.
    pub(crate) fn none(order: OrderId) -> Self {
        Self {
            order,
            paid_minor: 0,
            refunded_minor: 0,
            refunded_quantity: 0,
            pending_quantity: 0,
            order_version: 0,
            version: 0,
        }
    }

    /// Number of bought vouchers that are refunded.
    pub(crate) fn quantity(&self) -> i64 {
        self.refunded_quantity.max(self.pending_quantity)
    }
}

pub(crate) async fn by_order(store: &Store, order: OrderId) -> Result<Option<OrderRefundRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM marketing_order_refunds WHERE order_id = ?", values![order])).await
}

/// The refunds of an order; those of an order without a row are zero.
pub(crate) async fn of_order(store: &Store, order: OrderId) -> Result<OrderRefundRow, StoreError> {
    Ok(by_order(store, order).await?.unwrap_or_else(|| OrderRefundRow::none(order)))
}

/// All rows, ordered by order.
pub(crate) async fn page(store: &Store, after: OrderId, limit: i64) -> Result<Vec<OrderRefundRow>, StoreError> {
    let text = "SELECT * FROM marketing_order_refunds WHERE order_id > ? ORDER BY order_id LIMIT ?";
    store.all(Statement::new(text, values![after, limit])).await
}

/// Adds the write that creates a row or replaces the read version; a concurrent write makes it a conflict.
pub(crate) fn put(commit: Commit, row: &OrderRefundRow) -> Commit {
    if row.version == 0 {
        let new = OrderRefundRow { version: 1, ..*row };
        return commit.insert(Insert::rows("marketing_order_refunds", [&new])).duplicate_is(&errors::STORE_CONTENDED);
    }
    let update = Statement::new(
        "UPDATE marketing_order_refunds SET paid_minor = ?, refunded_minor = ?, refunded_quantity = ?, \
         pending_quantity = ?, order_version = ?, version = version + 1 WHERE order_id = ? AND version = ?",
        values![
            row.paid_minor,
            row.refunded_minor,
            row.refunded_quantity,
            row.pending_quantity,
            row.order_version,
            row.order,
            row.version
        ],
    );
    commit.write(update).expect_rows(1)
}
