//! Disputes: rows of a payment, and the lists of shops and operators.

use pulse_kernel::Timestamp;
use pulse_kernel::id::{OrderId, ShopId};
use pulse_store::{FromRow, Insert, Row, Statement, Store, StoreError, values};

use super::amount;
use crate::domain::payment::{Dispute, DisputeId, DisputeMerge, Intent, PaymentId};

impl FromRow for Dispute {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            reference: row.get("provider_reference")?,
            attempt: row.get("attempt_id")?,
            amount: amount(row)?,
            reason: row.get("reason")?,
            respond_by: row.get("respond_by")?,
            state: DisputeMerge {
                status: row.get("status")?,
                reported_at: row.get("reported_at")?,
                is_withdrawn: row.get("is_withdrawn")?,
                is_reinstated: row.get("is_reinstated")?,
            },
            is_withdrawal_booked: row.get("is_withdrawal_booked")?,
            is_reinstatement_booked: row.get("is_reinstatement_booked")?,
            opened_at: row.get("opened_at")?,
        })
    }
}

/// A dispute with the payment and the order that it is about.
pub(crate) struct ListedDispute {
    pub(crate) dispute: Dispute,
    pub(crate) payment: PaymentId,
    pub(crate) order: OrderId,
    pub(crate) shop: ShopId,
    pub(crate) provider: String,
}

impl FromRow for ListedDispute {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            dispute: Dispute::from_row(row)?,
            payment: row.get("intent_id")?,
            order: row.get("order_id")?,
            shop: row.get("shop_id")?,
            provider: row.get("provider")?,
        })
    }
}

/// Disputes of a shop, or of all shops, with IDs below `before`, newest first.
pub(crate) async fn list(
    store: &Store,
    shop: Option<ShopId>,
    before: DisputeId,
    count: i64,
) -> Result<Vec<ListedDispute>, StoreError> {
    let query = match shop {
        None => Statement::new(
            "SELECT * FROM payment_disputes WHERE id < ? ORDER BY id DESC LIMIT ?",
            values![before, count],
        ),
        Some(shop) => Statement::new(
            "SELECT * FROM payment_disputes WHERE shop_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
            values![shop, before, count],
        ),
    };
    store.all(query).await
}

pub(super) fn insert(intent: &Intent, provider: &str, dispute: &Dispute) -> Insert {
    let columns = &[
        "id",
        "intent_id",
        "attempt_id",
        "order_id",
        "shop_id",
        "provider",
        "provider_reference",
        "currency",
        "amount_minor",
        "reason",
        "respond_by",
        "status",
        "reported_at",
        "is_withdrawn",
        "is_reinstated",
        "is_withdrawal_booked",
        "is_reinstatement_booked",
        "opened_at",
    ];
    let respond_by: Option<Timestamp> = dispute.respond_by;
    Insert::into("payment_disputes", columns).row(values![
        dispute.id,
        intent.id,
        dispute.attempt,
        intent.order,
        intent.shop,
        provider,
        dispute.reference.as_str(),
        dispute.amount.currency,
        dispute.amount.minor,
        dispute.reason.as_str(),
        respond_by,
        dispute.state.status,
        dispute.state.reported_at,
        dispute.state.is_withdrawn,
        dispute.state.is_reinstated,
        dispute.is_withdrawal_booked,
        dispute.is_reinstatement_booked,
        dispute.opened_at
    ])
}

pub(super) fn update(dispute: &Dispute) -> Statement {
    Statement::new(
        "UPDATE payment_disputes SET currency = ?, amount_minor = ?, respond_by = ?, status = ?, reported_at = ?, \
         is_withdrawn = ?, is_reinstated = ?, is_withdrawal_booked = ?, is_reinstatement_booked = ? WHERE id = ?",
        values![
            dispute.amount.currency,
            dispute.amount.minor,
            dispute.respond_by,
            dispute.state.status,
            dispute.state.reported_at,
            dispute.state.is_withdrawn,
            dispute.state.is_reinstated,
            dispute.is_withdrawal_booked,
            dispute.is_reinstatement_booked,
            dispute.id
        ],
    )
}
