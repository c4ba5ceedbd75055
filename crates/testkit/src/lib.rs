//! Real servers on random ports, and a whole node in the test process.
//!
//! A behaviour is an `async fn(&mut TestNode)`; [`behaviours!`] finds them and makes a test of each, on each engine.

mod record;
pub mod servers;

#[cfg(feature = "node")]
mod engine;
#[cfg(feature = "node")]
pub mod http;
#[cfg(feature = "node")]
mod node;
#[cfg(feature = "node")]
mod person;
#[cfg(feature = "node")]
mod street;
#[cfg(feature = "node")]
mod suite;

#[cfg(feature = "node")]
pub use engine::Engine;
#[cfg(feature = "node")]
pub use node::TestNode;
#[cfg(feature = "node")]
pub use person::Person;
#[cfg(feature = "node")]
pub use pulse_testkit_macros::behaviours;
#[cfg(feature = "node")]
pub use street::{OpenShop, cny, draft, place, product};
#[cfg(feature = "node")]
pub use suite::{run, run_with};

/// What one does at the payment provider that is built in.
#[cfg(feature = "node")]
pub use pulse_payment::Choice;

/// What a node can be told.
#[cfg(feature = "node")]
pub use pulse_node::config;
