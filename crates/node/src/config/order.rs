//! The configuration of orders.

use std::time::Duration;

use anyhow::bail;
use serde::{Deserialize, Serialize};

/// Orders.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderSection {
    /// How long an order waits for its payment; one in cash does not wait. 1s to 1d, default 15m. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub unpaid_ttl: Duration,
    /// How long an order page stays open after it was touched. 1s to 1d, default 30m. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub draft_ttl: Duration,
    /// How long an order stays among the active ones after it has ended. Default 90days. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub archive_after: Duration,
    /// One customer places one order within so much time; 0s for as many as they like. Default 0s. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub pace_window: Duration,
    /// What becomes of money that comes when the time to pay is over: `refund`, or `reserve_again` to make the order after
    /// all when everything can still be had. Default refund. Since 0.1.
    pub late_payment: LatePayment,
    /// Orders of what many order at once.
    pub hot: HotSection,
}

/// Orders of what many order at once.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HotSection {
    /// Whether such orders are placed together, after their answer; false places every order by itself, while its customer
    /// waits. Default true. Since 0.1.
    pub is_on: bool,
    /// So many orders of one SKU (or voucher) a second, on one node, make it hot. From 2 to 1000000, default 1000: a quarter
    /// of what a machine with two cores places one by one. Since 0.1.
    pub enter: u32,
    /// Fewer than so many a second make it cool again. At least 1 and less than `enter`, default 500, so that a rate that
    /// swings by a third does not change how orders are placed. Since 0.1.
    pub leave: u32,
    /// How long such an order waits for its units before it is refused, and clients ask for it. 1s to 10m, default 30s.
    /// Since 0.1.
    #[serde(with = "humantime_serde")]
    pub place_within: Duration,
}

impl Default for HotSection {
    fn default() -> Self {
        let default = pulse_order::HotConfig::default();
        let rules = default.rules.unwrap_or(pulse_order::HotRules { enter: 2, leave: 1 });
        Self {
            is_on: default.rules.is_some(),
            enter: rules.enter,
            leave: rules.leave,
            place_within: default.place_within,
        }
    }
}

impl HotSection {
    /// Everything that is wrong with it, at once.
    fn check(&self) -> anyhow::Result<()> {
        let (second, place_within) = (Duration::from_secs(1), Duration::from_secs(10 * 60));
        let faults = [
            ((2..=1_000_000).contains(&self.enter), "order.hot.enter is from 2 to 1000000"),
            (self.leave >= 1, "order.hot.leave is at least 1"),
            (self.leave < self.enter, "order.hot.leave is less than order.hot.enter"),
            ((second..=place_within).contains(&self.place_within), "order.hot.place_within is from 1s to 10m"),
        ];
        let wrong: Vec<&str> = faults.into_iter().filter(|(holds, _)| !holds).map(|(_, fault)| fault).collect();
        if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("; ")) }
    }

    fn context(&self) -> pulse_order::HotConfig {
        let rules = pulse_order::HotRules { enter: self.enter, leave: self.leave };
        pulse_order::HotConfig { rules: self.is_on.then_some(rules), place_within: self.place_within }
    }
}

/// What becomes of money that comes too late.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LatePayment {
    /// It goes back.
    #[default]
    Refund,
    /// The order is made after all, when everything can still be had.
    ReserveAgain,
}

impl Default for OrderSection {
    fn default() -> Self {
        let default = pulse_order::OrderConfig::default();
        Self {
            unpaid_ttl: default.unpaid_ttl,
            draft_ttl: default.draft_ttl,
            archive_after: default.archive_after,
            pace_window: default.pace_window,
            late_payment: LatePayment::default(),
            hot: HotSection::default(),
        }
    }
}

impl OrderSection {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let day = Duration::from_secs(24 * 60 * 60);
        for (name, ttl) in [("unpaid_ttl", self.unpaid_ttl), ("draft_ttl", self.draft_ttl)] {
            if !(Duration::from_secs(1)..=day).contains(&ttl) {
                bail!("order.{name} is from 1s to 1d");
            }
        }
        self.hot.check()
    }

    /// What the context is told.
    #[must_use]
    pub fn context(&self) -> pulse_order::OrderConfig {
        pulse_order::OrderConfig {
            unpaid_ttl: self.unpaid_ttl,
            draft_ttl: self.draft_ttl,
            archive_after: self.archive_after,
            pace_window: self.pace_window,
            late_payment: match self.late_payment {
                LatePayment::Refund => pulse_order::LatePayment::Refund,
                LatePayment::ReserveAgain => pulse_order::LatePayment::ReserveAgain,
            },
            hot: self.hot.context(),
            ..pulse_order::OrderConfig::default()
        }
    }
}
