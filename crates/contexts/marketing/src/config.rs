//! The section `[marketing]` of the configuration.

use std::time::Duration;

use pulse_context::{Faults, Section};
use serde::{Deserialize, Serialize};

/// Coupons and vouchers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CouponConfig {
    /// Lifetime of the reservation of a quota unit while a coupon is being issued. It outlasts the delivery of the event
    /// that confirms it; after a crash in between the unit is free again by then. 1m to 1h, default 10m. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub quota_reservation_ttl: Duration,
    /// Time for which coupons of an order stay revoked for a refund that is being requested. The published refund confirms
    /// the revocation; after a crash in between the coupons are active again by then. 1m to 1h, default 10m. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub revocation_ttl: Duration,
    /// Maximum number of coupons of one grant that are issued concurrently. 1 to 256, default 16. Since 0.1.
    pub grant_concurrency: usize,
}

impl Default for CouponConfig {
    fn default() -> Self {
        Self {
            quota_reservation_ttl: Duration::from_secs(600),
            revocation_ttl: Duration::from_secs(600),
            grant_concurrency: 16,
        }
    }
}

impl Section for CouponConfig {
    fn check(&self, faults: &mut Faults) {
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3_600));
        faults.duration("quota_reservation_ttl", self.quota_reservation_ttl, minute..=hour);
        faults.duration("revocation_ttl", self.revocation_ttl, minute..=hour);
        faults.number("grant_concurrency", self.grant_concurrency, 1..=256);
    }
}
