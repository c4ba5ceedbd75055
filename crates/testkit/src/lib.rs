//! Servers for tests on random ports, and a complete node in the test process.
//!
//! A behaviour is an `async fn(&mut TestNode)`. [`behaviours!`] finds all behaviours of a test crate and creates a test of
//! each on each database engine.

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
mod shop_fixtures;
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
pub use shop_fixtures::{OpenShop, cny, draft, place, product};
#[cfg(feature = "node")]
pub use suite::{run, run_with};

/// Choice on the payment page of the built-in provider.
#[cfg(feature = "node")]
pub use pulse_payment::Choice;

/// Configuration of a node.
#[cfg(feature = "node")]
pub use pulse_node::config;
