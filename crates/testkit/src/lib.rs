//! Real servers on random ports, and a whole node in the test process.

pub mod servers;
