//! Delivers events from outboxes to consumers in this process: at least once, and in order per key.
//!
//! Producers write events to the outbox of their context, inside their commit. One worker per consumer reads these outboxes
//! and calls the handlers of the consumer. A handler commits with [`Delivery::commit`], which records the event in the inbox
//! of the handler's context, so that a second delivery has no effect.
//!
//! **Invariants:** an event is acknowledged only after its handler succeeded. Events of one key of one outbox are handled one
//! after the other, in the order of the outbox; a failed event blocks its own key only. Every event at or below the offset of
//! a consumer is handled, blocked, a dead letter, or of a topic that may lose events. Memory is bounded: with too many
//! blocked events the offset stops.
//!
//! Several nodes may run the same consumers. A lease selects the one that delivers, and its token fences writes of the others
//! to the tables of the bus. While a lease changes hands, handlers of both nodes may run: the inbox makes that harmless, and
//! the order per key holds again from the next event on.

// The fixtures of the tests use this crate by its name.
#[cfg(test)]
extern crate self as pulse_bus;

mod attempt;
mod backoff;
mod bus;
mod command;
mod consumer;
mod dead_letters;
mod event_row;
mod faults;
mod key_order;
mod metrics;
mod mode;
mod options;
mod session;
mod status;
mod tables;
mod tail;
mod topic;
mod worker;
mod worker_loop;

pub use backoff::Backoff;
pub use bus::{Builder, Bus};
pub use consumer::{CONSUMER_NAME_MAX, Consumer, Delivery, Handles, Start};
pub use dead_letters::{DEAD_LETTER_PAGE_MAX, DeadLetter};
pub use faults::Faults;
pub use mode::Mode;
pub use options::Options;
pub use status::{ConsumerStatus, OutboxStatus};
pub use topic::{Dropped, Durability};
