//! The options of the bus.

use std::time::Duration;

use crate::faults::Faults;

/// How the bus works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of this node in leases. A node gets its own leases back at once after a restart; two nodes must have different
    /// names.
    pub holder: String,
    /// Time after which another node takes over the consumers of a node that failed. Default: 30 s.
    pub lease_ttl: Duration,
    /// Interval at which outboxes are polled for events of other nodes. Default: 5 s.
    pub poll_every: Duration,
    /// Maximum number of events per read. Default: 256.
    pub batch_max: u32,
    /// Maximum number of events of one consumer in memory. Default: 1,024.
    pub open_max: usize,
    /// Maximum number of blocked events of one consumer. At the maximum its offset stops. Default: 10,000.
    pub blocked_max: usize,
    /// Seed of the jitter of back-offs. Default: random.
    pub seed: Option<u64>,
    /// Faults that deliveries suffer, for tests. Default: none.
    pub faults: Option<Faults>,
}

impl Options {
    /// The defaults for the node with the name `holder`.
    #[must_use]
    pub fn of(holder: impl Into<String>) -> Self {
        Self {
            holder: holder.into(),
            lease_ttl: Duration::from_secs(30),
            poll_every: Duration::from_secs(5),
            batch_max: 256,
            open_max: 1_024,
            blocked_max: 10_000,
            seed: None,
            faults: None,
        }
    }
}
