//! Load and benchmarks: open loop, percentiles, always beside a reference of the same run.
