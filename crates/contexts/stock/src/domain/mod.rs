//! Rules of stock: commands, their decisions and their events. Pure functions without I/O.

pub mod command;
mod decide;
pub mod journal;
pub mod ledger;
pub mod reservation;
pub mod resource;

#[cfg(test)]
mod tests;
