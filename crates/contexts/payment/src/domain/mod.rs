//! The rules of payments: no rows, no clock, no wire.

pub mod business_day;
pub mod ledger;
pub mod merge;
pub mod payment;
pub mod signature;
