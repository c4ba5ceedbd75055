//! The rules of flash sales: pure, without a clock of their own.

pub mod draft;
pub mod entry;
pub mod network;
pub mod stage;
pub mod ticket;
