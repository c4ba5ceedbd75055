//! Rules of kitchens: pure and synchronous; time and data are parameters.

pub mod order;
pub mod prep_time;
pub mod stations;
pub mod ticket;
