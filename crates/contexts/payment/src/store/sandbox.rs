//! What the provider that is built in knows: its own side of payments and refunds.

use pulse_contract::errors;
use pulse_kernel::id::OrderId;
use pulse_kernel::{Money, Timestamp};
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, values};

use super::money;
use crate::domain::payment::{AttemptId, RefundId};

/// An attempt as the sandbox knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SandboxRow {
    pub(crate) attempt: AttemptId,
    /// Opens the page where it is paid.
    pub(crate) token: String,
    pub(crate) order: OrderId,
    pub(crate) amount: Money,
    pub(crate) refunded_minor: i64,
    /// In the words of Stripe, for example `requires_payment_method`.
    pub(crate) status: String,
    /// Why it was declined last; empty when it was not.
    pub(crate) failure: String,
    pub(crate) return_url: String,
    pub(crate) created_at: Timestamp,
    pub(crate) version: i64,
}

impl FromRow for SandboxRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            attempt: AttemptId::new(row.get("id")?),
            token: row.get("token")?,
            order: OrderId::new(row.get("order_id")?),
            amount: money(row.get("amount_minor")?, &row.get::<String>("currency")?)?,
            refunded_minor: row.get("refunded_minor")?,
            status: row.get("status")?,
            failure: row.get("failure")?,
            return_url: row.get("return_url")?,
            created_at: row.get("created_at")?,
            version: row.get("version")?,
        })
    }
}

pub(crate) async fn by_attempt(store: &Store, attempt: AttemptId) -> Result<Option<SandboxRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM payment_sandbox WHERE id = ?", values![attempt.get()])).await
}

pub(crate) async fn by_token(store: &Store, token: &str) -> Result<Option<SandboxRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM payment_sandbox WHERE token = ?", values![token])).await
}

/// What began since then, after this attempt, oldest first.
pub(crate) async fn since(
    store: &Store,
    since: Timestamp,
    after: i64,
    count: i64,
) -> Result<Vec<SandboxRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM payment_sandbox WHERE created_at >= ? AND id > ? ORDER BY id LIMIT ?",
        values![since, after, count],
    );
    store.all(query).await
}

pub(crate) fn insert(commit: Commit, row: &SandboxRow) -> Commit {
    let columns = &[
        "id",
        "token",
        "order_id",
        "currency",
        "amount_minor",
        "refunded_minor",
        "status",
        "failure",
        "return_url",
        "created_at",
        "version",
    ];
    let insert = Insert::into("payment_sandbox", columns).row(values![
        row.attempt.get(),
        row.token.as_str(),
        row.order.get(),
        row.amount.currency.code(),
        row.amount.minor,
        row.refunded_minor,
        row.status.as_str(),
        row.failure.as_str(),
        row.return_url.as_str(),
        row.created_at,
        row.version
    ]);
    commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED)
}

/// Writes the state of an attempt that was read under this version.
pub(crate) fn update(commit: Commit, row: &SandboxRow) -> Commit {
    let update = Statement::new(
        "UPDATE payment_sandbox SET status = ?, failure = ?, refunded_minor = ?, version = version + 1 \
         WHERE id = ? AND version = ?",
        values![row.status.as_str(), row.failure.as_str(), row.refunded_minor, row.attempt.get(), row.version],
    );
    commit.write(update).expect_rows(1)
}

/// A refund as the sandbox knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SandboxRefundRow {
    pub(crate) refund: RefundId,
    pub(crate) attempt: AttemptId,
    pub(crate) amount: Money,
    pub(crate) created_at: Timestamp,
}

impl FromRow for SandboxRefundRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            refund: RefundId::new(row.get("id")?),
            attempt: AttemptId::new(row.get("payment_id")?),
            amount: money(row.get("amount_minor")?, &row.get::<String>("currency")?)?,
            created_at: row.get("created_at")?,
        })
    }
}

pub(crate) async fn refund(store: &Store, refund: RefundId) -> Result<Option<SandboxRefundRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM payment_sandbox_refunds WHERE id = ?", values![refund.get()])).await
}

/// What was paid back since then, after this refund, oldest first.
pub(crate) async fn refunds_since(
    store: &Store,
    since: Timestamp,
    after: i64,
    count: i64,
) -> Result<Vec<SandboxRefundRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM payment_sandbox_refunds WHERE created_at >= ? AND id > ? ORDER BY id LIMIT ?",
        values![since, after, count],
    );
    store.all(query).await
}

pub(crate) fn insert_refund(commit: Commit, row: &SandboxRefundRow) -> Commit {
    let columns = &["id", "payment_id", "currency", "amount_minor", "created_at"];
    let insert = Insert::into("payment_sandbox_refunds", columns).row(values![
        row.refund.get(),
        row.attempt.get(),
        row.amount.currency.code(),
        row.amount.minor,
        row.created_at
    ]);
    commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED)
}
