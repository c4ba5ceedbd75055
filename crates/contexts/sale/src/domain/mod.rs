//! Rules of flash sales: pure functions; the time is an argument.

pub mod challenge;
pub mod draft;
pub mod entry;
pub mod network;
pub mod queue;
pub mod queue_position;
pub mod sale_status;
pub mod signed_token;
pub mod ticket;
