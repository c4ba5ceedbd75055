//! The input of the engines: a list of statements, each with its expected outcome.

use pulse_kernel::ErrorSpec;

use crate::StoreError;
use crate::sql::{Sql, Value};

/// Reason why a transaction is rejected by its own conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Conflict,
    Coded(&'static ErrorSpec),
    AlreadyDone,
    Fenced,
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Conflict => Self::Conflict,
            Refusal::Coded(spec) => Self::Refused(spec),
            Refusal::AlreadyDone => Self::AlreadyDone,
            Refusal::Fenced => Self::Fenced,
        }
    }
}

/// One statement of a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) sql: Sql,
    pub(crate) args: Vec<Value>,
    /// Number of rows that it must change or, as a query, find. Otherwise the transaction fails with the refusal.
    pub(crate) expected: Option<(u64, Refusal)>,
    /// Meaning of a violated unique key; `None` for a defect.
    pub(crate) duplicate: Option<Refusal>,
    /// Whether it is a query. Its rows cannot be changed by others until the commit.
    pub(crate) is_query: bool,
}

impl Step {
    pub(crate) fn new(sql: impl Into<Sql>, args: Vec<Value>) -> Self {
        Self { sql: sql.into(), args, expected: None, duplicate: None, is_query: false }
    }

    pub(crate) fn expecting(mut self, rows: u64, refusal: Refusal) -> Self {
        self.expected = Some((rows, refusal));
        self
    }

    pub(crate) fn on_duplicate(mut self, refusal: Refusal) -> Self {
        self.duplicate = Some(refusal);
        self
    }

    pub(crate) fn querying(mut self) -> Self {
        self.is_query = true;
        self
    }

    /// Compares the number of changed rows with the expected one.
    pub(crate) fn check(&self, rows: u64) -> Result<(), StoreError> {
        match self.expected {
            Some((expected, refusal)) if rows != expected => Err(refusal.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// The error for a violated unique key of this statement.
    pub(crate) fn duplicated(&self, source: impl Into<crate::error::Cause>) -> StoreError {
        match self.duplicate {
            Some(refusal) => refusal.into(),
            None => StoreError::statement(self.sql.as_str(), source),
        }
    }
}

/// Statements that are executed in order, all or none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transaction {
    pub(crate) steps: Vec<Step>,
}
