//! The configuration of flash sales.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use pulse_limiter::admission::{AdmissionEngine, MemoryAdmissionEngine, RedisAdmissionEngine, RedisAdmissionOptions};
use pulse_sale::SaleConfig;
use serde::{Deserialize, Serialize};

use super::Secret;

/// Flash sales.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SaleSection {
    /// Where it is decided who gets units, for several nodes: `redis://host:port/db`,
    /// `redis+sentinel://host:port,host:port/service` or `redis+cluster://host:port,host:port`; empty for each node by
    /// itself, which is right for one node. Default empty. Since 0.1.
    pub redis: Secret,
    /// How long before its start a sale is brought into memory. 1s to 1h, default 1m. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub warm_before: Duration,
    /// After how long another node goes on with an admission that its node has not written. 0s to 1m, default 5s.
    /// Since 0.1.
    #[serde(with = "humantime_serde")]
    pub take_over_after: Duration,
}

impl Default for SaleSection {
    fn default() -> Self {
        let SaleConfig { warm_before, take_over_after, .. } = SaleConfig::default();
        Self { redis: Secret::new(""), warm_before, take_over_after }
    }
}

impl SaleSection {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if !(Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(&self.warm_before) {
            bail!("sale.warm_before is from 1s to 1h");
        }
        if self.take_over_after > Duration::from_secs(60) {
            bail!("sale.take_over_after is at most 1m");
        }
        Ok(())
    }

    /// What the context is told.
    pub(crate) fn context(&self, holder: String) -> SaleConfig {
        let (warm_before, take_over_after) = (self.warm_before, self.take_over_after);
        SaleConfig { warm_before, take_over_after, holder, ..SaleConfig::default() }
    }

    /// Where it is decided who gets units, for the node of this name.
    pub(crate) fn engine(&self, holder: &str) -> anyhow::Result<Arc<dyn AdmissionEngine>> {
        Ok(match self.redis.expose() {
            "" => Arc::new(MemoryAdmissionEngine::new()),
            url => {
                let gate = RedisAdmissionEngine::new(RedisAdmissionOptions::new(url, holder));
                Arc::new(gate.context("sale.redis is not the URL of a Redis")?)
            }
        })
    }
}
