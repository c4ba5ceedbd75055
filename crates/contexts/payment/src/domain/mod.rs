//! Rules of payments. Nothing here knows rows, clocks or messages.

pub mod business_day;
pub mod ledger;
pub mod merge;
pub mod payment;
pub mod signature;
pub mod stripe_amount;
