//! The section `[retention]`: the age at which rows are deleted that no ledger and no journal needs.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::section::{Faults, Section};

/// The age at which rows are deleted. Orders, payments, ledger entries and stock movements are kept forever.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Carts, counted from their last change. 10days to 10years, default 90days. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub carts: Duration,
    /// Coupon reservations of cancelled orders. 10days to 10years, default 90days. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub returned_coupons: Duration,
    /// Kitchen tickets that left the screens, counted from when their order was placed. 10days to 10years, default
    /// 30days. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub kitchen_orders: Duration,
    /// Saved answers of idempotent requests: a repetition within this time gets the saved answer. 1h to 30days, default
    /// 1day. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub idempotency_answers: Duration,
    /// Events in the outbox, counted from when all consumers have handled them. A new consumer can read back this far.
    /// 1day to 1year, less than `inbox`, default 7days. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub outbox: Duration,
    /// The record of handled events that makes a repeated delivery harmless. 2days to 1year, more than `outbox`,
    /// default 8days. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub inbox: Duration,
    /// Webhooks of payment providers. 1day to 10years, default 30days. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub webhooks: Duration,
}

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

/// Longer than events can be delivered again.
const LONGER_THAN_EVENTS: RangeInclusive<Duration> = days(10)..=days(3_653);

impl Default for Retention {
    fn default() -> Self {
        Self {
            carts: days(90),
            returned_coupons: days(90),
            kitchen_orders: days(30),
            idempotency_answers: days(1),
            outbox: days(7),
            inbox: days(8),
            webhooks: days(30),
        }
    }
}

impl Section for Retention {
    fn check(&self, faults: &mut Faults) {
        faults.duration("carts", self.carts, LONGER_THAN_EVENTS);
        faults.duration("returned_coupons", self.returned_coupons, LONGER_THAN_EVENTS);
        faults.duration("kitchen_orders", self.kitchen_orders, LONGER_THAN_EVENTS);
        faults.duration("idempotency_answers", self.idempotency_answers, Duration::from_secs(3_600)..=days(30));
        faults.duration("outbox", self.outbox, days(1)..=days(366));
        faults.duration("inbox", self.inbox, days(2)..=days(366));
        faults.duration("webhooks", self.webhooks, days(1)..=days(3_653));
        faults.require(self.outbox < self.inbox, "outbox", "less than retention.inbox");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(retention: &Retention) -> Vec<String> {
        let mut faults = Faults::default();
        faults.section("retention", retention);
        faults.found()
    }

    #[test]
    fn rows_that_may_still_be_needed_are_kept() {
        assert!(faults(&Retention::default()).is_empty());
        let short = Retention { kitchen_orders: days(9), carts: days(4_000), ..Retention::default() };
        assert_eq!(faults(&short).len(), 2);
        let unsafe_inbox = Retention { outbox: days(8), ..Retention::default() };
        assert_eq!(faults(&unsafe_inbox), ["retention.outbox must be less than retention.inbox"]);
    }
}
