//! The rules of orders: what they cost, which moves they make, what becomes of money.

pub mod area;
pub mod hot;
pub mod machine;
pub mod payment;
pub mod quote;
pub mod refund;
pub mod search;

#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod quote_tests;
