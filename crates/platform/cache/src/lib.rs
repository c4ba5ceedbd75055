//! One cache policy: coalescing, jitter, null guard, stale-while-revalidate, write lease.
