//! How long what is over is kept, where it is not part of any books.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::bail;
use serde::{Deserialize, Serialize};

/// What is forgotten, and when. Orders, payments, the ledger and the movements of stock are kept.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionSection {
    /// Carts that nobody touches. 10days to 10years, default 90days. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub carts: Duration,
    /// That an order gave its coupons back. 10days to 10years, default 90days. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub returned_coupons: Duration,
    /// The tickets of kitchens, from when their order was placed; those on a screen stay. 10days to 10years, default
    /// 30days. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub kitchen_orders: Duration,
}

/// Longer than events can come again, which are told of for a week.
const KEPT_FOR: RangeInclusive<Duration> = days(10)..=days(3_653);

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

impl Default for RetentionSection {
    fn default() -> Self {
        Self { carts: days(90), returned_coupons: days(90), kitchen_orders: days(30) }
    }
}

impl RetentionSection {
    /// Refuses to forget what may still be needed.
    ///
    /// # Errors
    /// With the first value that is out of its range.
    pub fn check(&self) -> anyhow::Result<()> {
        for (name, kept_for) in [
            ("carts", self.carts),
            ("returned_coupons", self.returned_coupons),
            ("kitchen_orders", self.kitchen_orders),
        ] {
            if !KEPT_FOR.contains(&kept_for) {
                bail!("retention.{name} is from 10days to 10years");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_still_be_needed_is_kept() {
        assert!(RetentionSection::default().check().is_ok());
        let short = RetentionSection { kitchen_orders: days(9), ..RetentionSection::default() };
        assert!(short.check().unwrap_err().to_string().starts_with("retention.kitchen_orders"));
        let long = RetentionSection { carts: days(4_000), ..RetentionSection::default() };
        assert!(long.check().unwrap_err().to_string().starts_with("retention.carts"));
    }
}
