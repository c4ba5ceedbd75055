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
        Ok(())
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
            ..pulse_order::OrderConfig::default()
        }
    }
}
