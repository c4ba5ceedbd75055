//! Tables of the sandbox provider: its own records of payments and refunds.

use pulse_contract::errors;
use pulse_kernel::id::OrderId;
use pulse_kernel::{Money, Timestamp};
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

use crate::domain::payment::{AttemptId, RefundId};

row! {
    /// An attempt on the side of the sandbox provider.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct SandboxRow {
        pub(crate) attempt: AttemptId = "id",
        /// Opens the payment page.
        pub(crate) token: String = "token",
        pub(crate) order: OrderId = "order_id",
        pub(crate) refunded_minor: i64 = "refunded_minor",
        /// Status in the words of Stripe, for example `requires_payment_method`.
        pub(crate) status: String = "status",
        /// Reason of the last decline. Empty when the attempt was not declined.
        pub(crate) failure: String = "failure",
        pub(crate) return_url: String = "return_url",
        pub(crate) created_at: Timestamp = "created_at",
        pub(crate) version: i64 = "version",
    } with {
        pub(crate) amount: Money { minor = "amount_minor", currency = "currency" },
    }
}

pub(crate) async fn by_attempt(store: &Store, attempt: AttemptId) -> Result<Option<SandboxRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM payment_sandbox WHERE id = ?", values![attempt])).await
}

pub(crate) async fn by_token(store: &Store, token: &str) -> Result<Option<SandboxRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM payment_sandbox WHERE token = ?", values![token])).await
}

/// Attempts since then with IDs above `after`, oldest first.
pub(crate) async fn since(
    store: &Store,
    since: Timestamp,
    after: AttemptId,
    count: i64,
) -> Result<Vec<SandboxRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM payment_sandbox WHERE created_at >= ? AND id > ? ORDER BY id LIMIT ?",
        values![since, after, count],
    );
    store.all(query).await
}

pub(crate) fn insert(commit: Commit, row: &SandboxRow) -> Commit {
    commit.insert(Insert::rows("payment_sandbox", [row])).duplicate_is(&errors::STORE_CONTENDED)
}

/// Adds the update of an attempt that was read with this version.
pub(crate) fn update(commit: Commit, row: &SandboxRow) -> Commit {
    let update = Statement::new(
        "UPDATE payment_sandbox SET status = ?, failure = ?, refunded_minor = ?, version = version + 1 \
         WHERE id = ? AND version = ?",
        values![row.status.as_str(), row.failure.as_str(), row.refunded_minor, row.attempt, row.version],
    );
    commit.write(update).expect_rows(1)
}

row! {
    /// A refund on the side of the sandbox provider.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct SandboxRefundRow {
        pub(crate) refund: RefundId = "id",
        pub(crate) attempt: AttemptId = "payment_id",
        pub(crate) created_at: Timestamp = "created_at",
    } with {
        pub(crate) amount: Money { minor = "amount_minor", currency = "currency" },
    }
}

pub(crate) async fn refund(store: &Store, refund: RefundId) -> Result<Option<SandboxRefundRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM payment_sandbox_refunds WHERE id = ?", values![refund])).await
}

/// Refunds since then with IDs above `after`, oldest first.
pub(crate) async fn refunds_since(
    store: &Store,
    since: Timestamp,
    after: RefundId,
    count: i64,
) -> Result<Vec<SandboxRefundRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM payment_sandbox_refunds WHERE created_at >= ? AND id > ? ORDER BY id LIMIT ?",
        values![since, after, count],
    );
    store.all(query).await
}

pub(crate) fn insert_refund(commit: Commit, row: &SandboxRefundRow) -> Commit {
    commit.insert(Insert::rows("payment_sandbox_refunds", [row])).duplicate_is(&errors::STORE_CONTENDED)
}
