//! The demo city of `pulse demo`: seeded and simulated through the same calls that an app makes.

mod city;
mod examples;
mod flash_sale;
mod orders;
mod seed;
mod simulation;

pub use city::DemoCity;
pub use examples::examples;
pub(crate) use seed::imported_shop;
pub use seed::seed;
pub use simulation::simulate;
