//! The rows of the payment context: what is read, and the statements that a commit is made of.

pub(crate) mod books;
pub(crate) mod payments;
pub(crate) mod sandbox;
pub(crate) mod statements;
pub(crate) mod webhooks;

use pulse_kernel::{Currency, Money};
use pulse_store::{Migration, StoreError};

/// The tables of the context, oldest first.
pub const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, name: "payments", sql: include_str!("../../migrations/0001_payments.sql") }];

/// The amount that a row tells.
fn money(minor: i64, currency: &str) -> Result<Money, StoreError> {
    let currency = Currency::from_code(currency).ok_or_else(|| damaged("a currency"))?;
    Ok(Money::new(minor, currency))
}

/// A row says what nobody has written.
fn damaged(what: &'static str) -> StoreError {
    StoreError::Defect { detail: format!("{what} in a row is not one").into(), source: None }
}
