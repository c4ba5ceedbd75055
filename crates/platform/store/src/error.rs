//! What can go wrong between a use case and its rows.

use std::borrow::Cow;
use std::time::Duration;

use pulse_kernel::{Error, ErrorSpec};

use pulse_contract::errors;

/// The cause of a failure, for the log.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a read or a commit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A race was lost: nothing was written. Load again, decide again.
    #[error("the rows changed since they were loaded")]
    Conflict,
    /// The commit met a row or a number of rows for which it names this refusal. Nothing was written.
    #[error("{}", .0.code)]
    Refused(&'static ErrorSpec),
    /// The event was consumed before, or the timer fired or was cancelled before. Nothing was written, all is well.
    #[error("it was done before")]
    AlreadyDone,
    /// The lease of the commit is somebody else's now. Nothing was written.
    #[error("the lease was lost")]
    Fenced,
    /// The queue is full. Nothing was written.
    #[error("the queue of the database is full")]
    Overloaded,
    /// The database does not answer.
    #[error("the database does not answer{}", if *.is_outcome_unknown { "; the outcome of the commit is unknown" } else { "" })]
    Unavailable {
        /// Whether the commit may have happened all the same.
        is_outcome_unknown: bool,
        /// What the driver says.
        source: Cause,
    },
    /// The tables are not what the migrations say.
    #[error("migrations: {0}")]
    Migration(String),
    /// A defect of ours: SQL that does not run, a column of another type.
    #[error("{detail}")]
    Defect {
        /// What is wrong.
        detail: Cow<'static, str>,
        /// What the driver says.
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

/// When a caller should come back to a database that does not answer.
const RETRY_IN: Duration = Duration::from_secs(1);

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => errors::STORE_CONTENDED.error("others changed it at the same time"),
            StoreError::Refused(spec) => spec.error(spec.title),
            StoreError::AlreadyDone => errors::STORE_CONTENDED.error("it was done at the same time"),
            StoreError::Fenced => errors::STORE_FENCED.error("another node goes on with this work"),
            StoreError::Overloaded => {
                errors::STORE_UNAVAILABLE.error("too many commits are waiting; nothing was done").retry_in(RETRY_IN)
            }
            StoreError::Unavailable { is_outcome_unknown: true, .. } => errors::STORE_UNAVAILABLE
                .error("the outcome is unknown; repeat with the same idempotency key")
                .retry_in(RETRY_IN)
                .caused_by(error),
            StoreError::Unavailable { .. } => {
                errors::STORE_UNAVAILABLE.error("nothing was done").retry_in(RETRY_IN).caused_by(error)
            }
            StoreError::Migration(_) | StoreError::Defect { .. } => {
                errors::INTERNAL.error("the database gave an answer that we did not expect").caused_by(error)
            }
        }
    }
}
