//! The configuration of what is proven in the background.

use std::time::Duration;

use anyhow::bail;
use serde::{Deserialize, Serialize};

/// Proving the books of a running node in the background; what does not hold is in `/metrics` and in the log.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerifySection {
    /// How long to wait after one look at everything before the next one; 0s for never. 0s, or 10s to 1d, default 10m.
    /// Since 0.1.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    /// How much of the time a look may read, in percent; for the rest of it the node reads for others alone. 1 to 100,
    /// default 10. Since 0.1.
    pub share_percent: u32,
}

impl Default for VerifySection {
    fn default() -> Self {
        Self { every: Duration::from_secs(600), share_percent: 10 }
    }
}

impl VerifySection {
    /// Whether anything is proven in the background.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.every.is_zero()
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        let day = Duration::from_secs(24 * 60 * 60);
        if self.is_on() && !(Duration::from_secs(10)..=day).contains(&self.every) {
            bail!("verify.every is 0s or from 10s to 1d");
        }
        if !(1..=100).contains(&self.share_percent) {
            bail!("verify.share_percent is from 1 to 100");
        }
        Ok(())
    }
}
