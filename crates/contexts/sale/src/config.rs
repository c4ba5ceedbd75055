//! The section `[sale]` of the configuration.

use std::time::Duration;

use pulse_context::{Faults, SecretUrl, Section};
use serde::{Deserialize, Serialize};

/// Flash sales.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SaleConfig {
    /// The Redis that several nodes share for admissions: `redis://host:port/db`,
    /// `redis+sentinel://host:port,host:port/service` or `redis+cluster://host:port,host:port`; empty if each node
    /// decides in its own memory, which is right for one node. Default empty. Since 0.1.
    pub redis: SecretUrl,
    /// Time before its start at which a sale is loaded into memory. 1s to 1h, default 1m. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub preload_before_start: Duration,
    /// Age at which an admission that its node has not written counts as orphaned; another node then writes it. 0s to
    /// 1m, default 5s. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub orphan_timeout: Duration,
    /// Maximum number of admissions that wait to be written; further ones are refused and can be repeated. 1 to
    /// 10000000, default 65536. Since 0.1.
    pub queue_max: usize,
    /// Maximum number of admissions written by one commit. 1 to 100000, default 1024. Since 0.1.
    pub batch_max: usize,
}

impl Default for SaleConfig {
    fn default() -> Self {
        Self {
            redis: SecretUrl::default(),
            preload_before_start: Duration::from_secs(60),
            orphan_timeout: Duration::from_secs(5),
            queue_max: 65_536,
            batch_max: 1_024,
        }
    }
}

impl Section for SaleConfig {
    fn check(&self, faults: &mut Faults) {
        let (second, minute, hour) = (Duration::from_secs(1), Duration::from_secs(60), Duration::from_secs(3_600));
        faults.duration("preload_before_start", self.preload_before_start, second..=hour);
        faults.duration("orphan_timeout", self.orphan_timeout, Duration::ZERO..=minute);
        faults.number("queue_max", self.queue_max, 1..=10_000_000);
        faults.number("batch_max", self.batch_max, 1..=100_000);
    }
}
