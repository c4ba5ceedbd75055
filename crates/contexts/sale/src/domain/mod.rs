//! The rules of flash sales: pure, without a clock of their own.

pub mod challenge;
pub mod draft;
pub mod entry;
pub mod network;
pub mod place;
pub mod queue;
pub mod seal;
pub mod stage;
pub mod ticket;
