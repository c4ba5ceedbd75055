//! Errors of reads and commits.

use std::borrow::Cow;
use std::time::Duration;

use pulse_kernel::{Error, ErrorSpec};

use pulse_contract::errors;

/// Cause of a failure, for the log.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Error of a read or a commit.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A race was lost. Nothing was written; the use case should load and decide again.
    #[error("the rows have changed since they were loaded")]
    Conflict,
    /// A condition of the commit failed, for which it names this error. Nothing was written.
    #[error("{}", .0.code)]
    Refused(&'static ErrorSpec),
    /// The event was consumed before, or the timer fired or was cancelled before. Nothing was written; this is not a
    /// failure.
    #[error("already done")]
    AlreadyDone,
    /// Another holder has the lease of the commit. Nothing was written.
    #[error("the lease was lost")]
    Fenced,
    /// The queue is full. Nothing was written.
    #[error("the queue of the database is full")]
    Overloaded,
    /// The database cannot be reached or does not respond.
    #[error("database unavailable{}", if *.is_outcome_unknown { "; the outcome of the commit is unknown" } else { "" })]
    Unavailable {
        /// Whether the commit may have been written.
        is_outcome_unknown: bool,
        /// Error of the driver.
        source: Cause,
    },
    /// A text contains U+0000, which PostgreSQL cannot store. Every database refuses it, and nothing was written.
    #[error("a text contains the character U+0000")]
    Nul,
    /// The tables do not match the migrations.
    #[error("migrations: {0}")]
    Migration(String),
    /// A defect of Pulse: a statement that fails, a column of another type.
    #[error("{detail}")]
    Defect {
        /// Description of the defect.
        detail: Cow<'static, str>,
        /// Error of the driver.
        source: Option<Cause>,
    },
}

impl StoreError {
    pub(crate) fn defect(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Defect { detail: detail.into(), source: None }
    }

    pub(crate) fn statement(sql: &str, source: impl Into<Cause>) -> Self {
        Self::Defect { detail: format!("statement failed: {sql}").into(), source: Some(source.into()) }
    }

    pub(crate) fn unavailable(source: impl Into<Cause>) -> Self {
        Self::Unavailable { is_outcome_unknown: false, source: source.into() }
    }

    pub(crate) fn outcome_unknown(source: impl Into<Cause>) -> Self {
        Self::Unavailable { is_outcome_unknown: true, source: source.into() }
    }
}

/// Pause before a caller should retry when the database is unavailable.
const RETRY_IN: Duration = Duration::from_secs(1);

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => errors::STORE_CONTENDED.error("concurrent requests changed the same rows"),
            StoreError::Refused(spec) => spec.error(spec.title),
            StoreError::AlreadyDone => errors::STORE_CONTENDED.error("another request did the same at the same time"),
            StoreError::Fenced => errors::STORE_FENCED.error("another node has taken over this work"),
            StoreError::Overloaded => {
                errors::STORE_UNAVAILABLE.error("too many queued commits; nothing was written").retry_in(RETRY_IN)
            }
            StoreError::Unavailable { is_outcome_unknown: true, .. } => errors::STORE_UNAVAILABLE
                .error("the outcome is unknown; repeat the request with the same idempotency key")
                .retry_in(RETRY_IN)
                .caused_by(error),
            StoreError::Unavailable { .. } => errors::STORE_UNAVAILABLE
                .error("database unavailable; nothing was written")
                .retry_in(RETRY_IN)
                .caused_by(error),
            StoreError::Nul => errors::VALIDATION_FAILED.error("a text contains the character U+0000"),
            StoreError::Migration(_) | StoreError::Defect { .. } => {
                errors::INTERNAL.error("unexpected answer of the database").caused_by(error)
            }
        }
    }
}
