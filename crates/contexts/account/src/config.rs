//! The section `[account]` of the configuration.

use std::time::Duration;

use pulse_context::{Faults, Section};
use serde::{Deserialize, Serialize};

/// Accounts and sessions.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountConfig {
    /// Lifetime of an access token. A node that cannot reach the database accepts the roles of a token until it expires. 1m
    /// to 1h, default 15m. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub access_ttl: Duration,
    /// Time zone of new accounts, an IANA name. Default Asia/Shanghai. Since 0.1.
    pub time_zone: String,
    /// Maximum number of accounts that one account follows. 1 to 1000000, default 5000. Since 0.1.
    pub following_max: i64,
    /// Maximum number of passwords hashed at the same time; each takes 19 MiB and one core. 1 to 256, default 2.
    /// Since 0.1.
    pub hashers: usize,
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_secs(900),
            time_zone: "Asia/Shanghai".into(),
            following_max: 5_000,
            hashers: 2,
        }
    }
}

impl Section for AccountConfig {
    fn check(&self, faults: &mut Faults) {
        // Nodes remember revoked sessions and changed roles for this time.
        faults.duration("access_ttl", self.access_ttl, Duration::from_secs(60)..=Duration::from_secs(3_600));
        faults.number("following_max", self.following_max, 1..=1_000_000);
        faults.number("hashers", self.hashers, 1..=256);
        faults.time_zone("time_zone", &self.time_zone);
    }
}
