//! Programs that run against a node: benchmarks, load tests, races, crash tests, and the demo city.

pub mod bench;
pub mod crash;
pub mod demo;
pub mod load;
pub mod process_memory;
pub mod race;
pub mod target_node;
