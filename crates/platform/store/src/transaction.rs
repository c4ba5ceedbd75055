//! What the engines execute: a flat list of statements, each with what must come of it.

use pulse_kernel::ErrorSpec;

use crate::StoreError;
use crate::sql::{Sql, Value};

/// Why a transaction is refused by its own conditions.
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
    /// How many rows it must touch (or, when it is a query, find), and what it means when it does not.
    pub(crate) expected: Option<(u64, Refusal)>,
    /// What a violated unique key means; a defect when nothing is said.
    pub(crate) duplicate: Option<Refusal>,
    /// A query that keeps what it finds from being changed until the commit.
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

    /// Whether `rows` touched rows are what was expected.
    pub(crate) fn check(&self, rows: u64) -> Result<(), StoreError> {
        match self.expected {
            Some((expected, refusal)) if rows != expected => Err(refusal.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// What a violated unique key of this statement means.
    pub(crate) fn duplicated(&self, source: impl Into<crate::error::Cause>) -> StoreError {
        match self.duplicate {
            Some(refusal) => refusal.into(),
            None => StoreError::statement(self.sql.as_str(), source),
        }
    }
}

/// Statements that happen together or not at all, in this order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transaction {
    pub(crate) steps: Vec<Step>,
}
