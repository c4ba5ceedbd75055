//! Events from outboxes to consumers: at least once, in order per key, in this process.
//!
//! Producers write events into the outbox of their context, inside their commit, and nothing else. Per consumer one
//! worker reads those outboxes and calls the consumer's handlers. A handler commits with [`Delivery::commit`], which
//! notes the event in the inbox of the handler's own context, so a second delivery has no effect.
//!
//! **Invariants:** an event is acknowledged only after its handler said so. Events of one key of one outbox are
//! handled one after the other, in the order of the outbox; a failing one parks its key and no other. Everything at or
//! below a consumer's offset is handled, parked, a dead letter, or of a topic that may lose it. Memory is bounded:
//! when too much is parked, the offset stops.
//!
//! Two nodes may run the same consumers; a lease lets one of them deliver, and its token fences off the other's writes
//! to the tables of the bus. While a lease changes hands, a handler of the old holder may still run next to one of the
//! new: the inbox makes that harmless for effects, and the order per key holds again from the next event on.

// The world of the tests speaks of this crate by its name.
#[cfg(test)]
extern crate self as pulse_bus;

mod attempt;
mod backoff;
mod bus;
mod consumer;
mod faults;
mod journal;
mod lane;
mod letters;
mod mode;
mod session;
mod status;
mod tail;
mod topic;
mod worker;

pub use backoff::Backoff;
pub use bus::{Builder, Bus, Options};
pub use consumer::{CONSUMER_NAME_MAX, Consumer, Delivery, Handles, Start};
pub use faults::Faults;
pub use letters::{DEAD_LETTER_PAGE_MAX, DeadLetter};
pub use mode::Mode;
pub use status::{ConsumerStatus, OutboxStatus};
pub use topic::{Dropped, Durability};
