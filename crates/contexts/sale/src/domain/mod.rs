//! The rules of flash sales: pure, without a clock of their own.

pub mod challenge;
pub mod draft;
pub mod entry;
pub mod network;
pub mod queue;
pub mod queue_position;
pub mod signed_token;
pub mod stage;
pub mod ticket;
