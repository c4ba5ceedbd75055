//! The section `[order]` of the configuration.

use std::time::Duration;

use pulse_context::{Faults, Section};
use serde::{Deserialize, Serialize};

use crate::domain::hot::Rules;

/// Orders.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderConfig {
    /// Time in which an order must be paid; cash orders have no limit. 1s to 1day, default 15m. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub unpaid_ttl: Duration,
    /// Lifetime of a draft, counted from its last change. 1s to 1day, default 30m. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub draft_ttl: Duration,
    /// Time after its end at which an order moves to the archive. Default 90days. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub archive_after: Duration,
    /// Minimum time between two orders of one customer; 0s for no limit. Default 0s. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub min_interval_per_customer: Duration,
    /// Treatment of a payment that arrives after `unpaid_ttl`: `refund`, or `reserve_again` to confirm the order if
    /// everything is still available. Default refund. Since 0.1.
    pub late_payment: LatePayment,
    /// Treatment of an order that is refunded in full before it is ready: `cancel` to cancel it, which returns its stock and
    /// takes it off the kitchen screen, or `continue` to fulfil it, with a mark on its tickets. Default cancel. Since 0.1.
    pub full_refund: FullRefund,
    /// Queued placement of orders for hot items.
    pub queued_placement: QueuedPlacementConfig,
}

/// Queued placement: orders for an item that is ordered very often are accepted at once and placed in batches.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueuedPlacementConfig {
    /// Whether orders for hot items are queued; if not, every order is placed while its customer waits. Default true.
    /// Since 0.1.
    pub enabled: bool,
    /// Orders per second for one SKU or voucher, on one node, above which it counts as hot. 2 to 1000000, default 1000:
    /// a quarter of what a machine with two cores places one by one. Since 0.1.
    pub start_orders_per_second: u32,
    /// Orders per second below which it no longer counts as hot. At least 1 and less than `start_orders_per_second`,
    /// default 500, so that a rate that varies by a third does not switch back and forth. Since 0.1.
    pub stop_orders_per_second: u32,
    /// Maximum time in the queue before an order is refused. 1s to 10m, default 30s. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

/// Treatment of a payment that arrives too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LatePayment {
    /// The money is refunded.
    #[default]
    Refund,
    /// The order is confirmed if everything is still available; otherwise the money is refunded.
    ReserveAgain,
}

/// Treatment of an order that is refunded in full before it is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FullRefund {
    /// The order is cancelled.
    #[default]
    Cancel,
    /// The order is fulfilled.
    Continue,
}

impl Default for QueuedPlacementConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            start_orders_per_second: 1_000,
            stop_orders_per_second: 500,
            timeout: Duration::from_secs(30),
        }
    }
}

impl QueuedPlacementConfig {
    /// The rates at which items become hot; `None` if no order is ever queued.
    pub(crate) fn rules(&self) -> Option<Rules> {
        let rules = Rules { enter: self.start_orders_per_second, leave: self.stop_orders_per_second };
        self.enabled.then_some(rules)
    }
}

impl Default for OrderConfig {
    fn default() -> Self {
        Self {
            unpaid_ttl: Duration::from_secs(15 * 60),
            draft_ttl: Duration::from_secs(30 * 60),
            archive_after: Duration::from_secs(90 * 24 * 60 * 60),
            min_interval_per_customer: Duration::ZERO,
            late_payment: LatePayment::default(),
            full_refund: FullRefund::default(),
            queued_placement: QueuedPlacementConfig::default(),
        }
    }
}

impl Section for OrderConfig {
    fn check(&self, faults: &mut Faults) {
        let (second, day) = (Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));
        faults.duration("unpaid_ttl", self.unpaid_ttl, second..=day);
        faults.duration("draft_ttl", self.draft_ttl, second..=day);
        let queued = &self.queued_placement;
        let (start, stop) = (queued.start_orders_per_second, queued.stop_orders_per_second);
        faults.number("queued_placement.start_orders_per_second", start, 2..=1_000_000);
        faults.number("queued_placement.stop_orders_per_second", stop, 1..=1_000_000);
        let rule = "less than order.queued_placement.start_orders_per_second";
        faults.require(stop < start, "queued_placement.stop_orders_per_second", rule);
        faults.duration("queued_placement.timeout", queued.timeout, second..=Duration::from_secs(10 * 60));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_of_queued_placement_are_reported_at_once() {
        let queued = QueuedPlacementConfig {
            start_orders_per_second: 1,
            timeout: Duration::ZERO,
            ..QueuedPlacementConfig::default()
        };
        let mut faults = Faults::default();
        faults.section("order", &OrderConfig { queued_placement: queued, ..OrderConfig::default() });
        let found = faults.found();
        let keys: Vec<&str> = found.iter().filter_map(|fault| fault.split(' ').next()).collect();
        assert_eq!(
            keys,
            [
                "order.queued_placement.start_orders_per_second",
                "order.queued_placement.stop_orders_per_second",
                "order.queued_placement.timeout",
            ]
        );
    }
}
