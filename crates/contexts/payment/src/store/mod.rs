//! Tables of the payment context: rows, queries, and the writes of commits.

pub(crate) mod disputes;
pub(crate) mod ledger;
pub(crate) mod payments;
pub(crate) mod sandbox;
pub(crate) mod statements;
pub(crate) mod webhooks;

use pulse_context::Tables;
use pulse_contract::payment::v1 as wire;
use pulse_kernel::Money;
use pulse_store::{Migration, Row, StoreError, stored_enum, stored_id};

use crate::domain::ledger::EntryId;
use crate::domain::merge::{AttemptState, IntentState, RefundState};
use crate::domain::payment::{AttemptId, DisputeId, DisputeStatus, PaymentId, RefundCause, RefundId};

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "payment",
    migrations: &[
        Migration { version: 1, name: "payments", sql: include_str!("../../migrations/0001_payments.sql") },
        Migration {
            version: 2,
            name: "received_amounts_and_disputes",
            sql: include_str!("../../migrations/0002_received_amounts_and_disputes.sql"),
        },
    ],
};

stored_id!(PaymentId, AttemptId, RefundId, EntryId, DisputeId);
stored_enum! { IntentState as wire::IntentState }
stored_enum! { AttemptState as wire::AttemptState }
stored_enum! { RefundState as wire::RefundState }
stored_enum! { DisputeStatus as wire::DisputeStatus }
stored_enum! {
    RefundCause {
        Unspecified = 0,
        Cancelled = 1,
        ByStaff = 2,
        Surplus = 3,
        AmountMismatch = 4,
        TooLate = 5,
        TooEarly = 6,
        OrderUnknown = 7,
        AtProvider = 8,
    }
}

/// The amount in `amount_minor` and `currency`.
fn amount(row: &Row) -> Result<Money, StoreError> {
    Ok(Money { minor: row.get("amount_minor")?, currency: row.get("currency")? })
}
