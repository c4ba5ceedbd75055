//! Reservations of coupons and voucher slots for orders.

use pulse_contract::errors;
use pulse_contract::marketing::v1::{CouponDiscounts, StoredReservation};
use pulse_kernel::Timestamp;
use pulse_kernel::id::{CouponId, OrderId};
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, Value, stored_enum, values};

use crate::domain::reservation::{Reservation, ReservationState};
use crate::domain::template::TemplateId;

/// Vouchers that an order buys, each with a slot in the limit of its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vouchers {
    pub(crate) template: TemplateId,
    pub(crate) quantity: i32,
}

/// Reservation of an order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReservationRow {
    pub(crate) order: OrderId,
    pub(crate) reservation: Reservation,
    /// Time at which the reservation expires.
    pub(crate) expires_at: Timestamp,
    /// Vouchers that the order buys; `None` for an order of goods.
    pub(crate) vouchers: Option<Vouchers>,
    /// Discounts of the answer when the reservation was made.
    pub(crate) discounts: CouponDiscounts,
    /// Version of the row; 0 for a row that does not exist.
    pub(crate) version: i64,
}

stored_enum! { ReservationState { Reserved = 1, Redeemed = 2, Returned = 3 } }

impl FromRow for ReservationRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let details: StoredReservation = row.message("details")?;
        Ok(Self {
            order: row.get("order_id")?,
            reservation: Reservation {
                account: row.get("account_id")?,
                state: row.get("state")?,
                coupons: details.coupon_ids.into_iter().map(CouponId::new).collect(),
                order_version: details.order_version,
            },
            expires_at: row.get("expires_at")?,
            vouchers: (details.voucher_quantity > 0).then(|| Vouchers {
                template: TemplateId::new(details.voucher_template_id),
                quantity: details.voucher_quantity,
            }),
            discounts: details.discounts.unwrap_or_default(),
            version: row.get("version")?,
        })
    }
}

pub(crate) async fn by_order(store: &Store, order: OrderId) -> Result<Option<ReservationRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM marketing_reservations WHERE order_id = ?", values![order])).await
}

pub(crate) async fn by_orders(store: &Store, orders: &[OrderId]) -> Result<Vec<ReservationRow>, StoreError> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT * FROM marketing_reservations WHERE order_id IN (??)";
    store.all(Statement::listing(text, orders.iter().copied(), values![])).await
}

/// All reservations, ordered by order ID.
pub(crate) async fn page(store: &Store, after: OrderId, limit: i64) -> Result<Vec<ReservationRow>, StoreError> {
    let text = "SELECT * FROM marketing_reservations WHERE order_id > ? ORDER BY order_id LIMIT ?";
    store.all(Statement::new(text, values![after, limit])).await
}

/// Adds the write that creates a reservation or replaces the read version; a concurrent write makes it a conflict.
pub(crate) fn put(commit: Commit, row: &ReservationRow) -> Commit {
    let details = StoredReservation {
        coupon_ids: row.reservation.coupons.iter().map(|coupon| coupon.get()).collect(),
        discounts: Some(row.discounts.clone()),
        order_version: row.reservation.order_version,
        voucher_template_id: row.vouchers.map_or(0, |vouchers| vouchers.template.get()),
        voucher_quantity: row.vouchers.map_or(0, |vouchers| vouchers.quantity),
    };
    let (account, state, details) = (row.reservation.account, row.reservation.state, Value::message(&details));
    if row.version == 0 {
        let columns = &["order_id", "account_id", "state", "expires_at", "details", "version"];
        let insert = Insert::into("marketing_reservations", columns);
        let insert = insert.row(values![row.order, account, state, row.expires_at, details, 1_i64]);
        return commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED);
    }
    let statement = Statement::new(
        "UPDATE marketing_reservations SET account_id = ?, state = ?, expires_at = ?, details = ?, version = version + 1 \
         WHERE order_id = ? AND version = ?",
        values![account, state, row.expires_at, details, row.order, row.version],
    );
    commit.write(statement).expect_rows(1)
}

/// The oldest `count` returned reservations that expired before this time: order and version.
pub(crate) async fn returned_before(
    store: &Store,
    before: Timestamp,
    count: i64,
) -> Result<Vec<(OrderId, i64)>, StoreError> {
    let query = Statement::new(
        "SELECT order_id, version FROM marketing_reservations WHERE state = ? AND expires_at < ? ORDER BY expires_at LIMIT ?",
        values![ReservationState::Returned, before, count],
    );
    store.all(query).await
}

/// The write that deletes a reservation, unless it was changed after it was read.
pub(crate) fn purge(order: OrderId, version: i64) -> Statement {
    Statement::new("DELETE FROM marketing_reservations WHERE order_id = ? AND version = ?", values![order, version])
}
