//! The command line of Pulse.

fn main() {}
