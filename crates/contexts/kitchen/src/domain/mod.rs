//! The rules of kitchens, without IO.

pub mod order;
pub mod prep_time;
pub mod stations;
pub mod ticket;
