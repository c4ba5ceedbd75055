//! The rules of stock: what may be reserved, what every verb moves, and what is told about it.

pub mod command;
mod decide;
pub mod journal;
pub mod ledger;
pub mod reservation;
pub mod resource;

#[cfg(test)]
mod tests;
