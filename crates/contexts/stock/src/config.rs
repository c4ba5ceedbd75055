//! The section `[stock]` of the configuration.

use pulse_context::{Faults, Section};
use serde::{Deserialize, Serialize};

/// The stock ledger.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StockConfig {
    /// Maximum number of queued commands; further commands are refused. 1 to 1000000, default 4096. Since 0.1.
    pub queue_max: usize,
    /// Maximum number of commands written by one commit. 1 to 10000, default 256. Since 0.1.
    pub batch_max: usize,
    /// Maximum number of concurrent reservations of one resource, over all nodes that share a limiter; further ones are
    /// refused. Less than `queue_max`, so that a hot resource leaves room for the others. 1 to 1000000, default 2048.
    /// Since 0.1.
    pub permits_per_resource: u32,
}

impl Default for StockConfig {
    fn default() -> Self {
        Self { queue_max: 4_096, batch_max: 256, permits_per_resource: 2_048 }
    }
}

impl Section for StockConfig {
    fn check(&self, faults: &mut Faults) {
        faults.number("queue_max", self.queue_max, 1..=1_000_000);
        faults.number("batch_max", self.batch_max, 1..=10_000);
        faults.number("permits_per_resource", self.permits_per_resource, 1..=1_000_000);
        let is_below = usize::try_from(self.permits_per_resource).is_ok_and(|permits| permits < self.queue_max);
        faults.require(is_below, "permits_per_resource", "less than stock.queue_max");
    }
}
