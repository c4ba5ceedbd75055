//! Rules of shops: pure and synchronous; time and data are parameters.

pub mod category;
pub mod geo;
pub mod hours;
pub mod menu;
pub mod nearby;
