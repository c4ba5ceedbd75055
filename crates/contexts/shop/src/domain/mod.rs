//! The rules of shops: pure and synchronous, no clock, no IO; time and data come in as values.

pub mod category;
pub mod geo;
pub mod hours;
pub mod menu;
pub mod nearby;
pub mod visibility;
