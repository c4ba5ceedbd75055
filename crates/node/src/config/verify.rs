//! The section `[verify]` of the configuration.

use std::time::Duration;

use pulse_context::{Faults, Section};
use serde::{Deserialize, Serialize};

/// Verification of the invariants of a running node in the background. Violations appear in `/metrics` and in the log.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerifySection {
    /// Time between the end of one verification and the start of the next; 0s for none. 0s, or 10s to 1day, default
    /// 10m. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    /// Share of the time that a verification may read the database, in percent. 1 to 100, default 10. Since 0.1.
    pub read_budget_percent: u32,
}

impl Default for VerifySection {
    fn default() -> Self {
        Self { every: Duration::from_secs(600), read_budget_percent: 10 }
    }
}

impl VerifySection {
    /// Returns whether the background verification is enabled.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.every.is_zero()
    }
}

impl Section for VerifySection {
    fn check(&self, faults: &mut Faults) {
        if self.is_on() {
            let (from, to) = (Duration::from_secs(10), Duration::from_secs(24 * 60 * 60));
            faults.duration("every", self.every, from..=to);
        }
        faults.number("read_budget_percent", self.read_budget_percent, 1..=100);
    }
}
