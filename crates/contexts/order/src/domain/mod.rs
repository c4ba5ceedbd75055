//! Rules of orders: prices, state transitions, payments and refunds, hot items, search.

pub mod area;
pub mod hot;
pub mod ids;
pub mod machine;
pub mod payment;
pub mod quote;
pub mod refund;
pub mod search;
pub mod voucher_refund;

#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod quote_tests;
