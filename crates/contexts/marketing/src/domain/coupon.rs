//! A coupon: in which state it is, where it is from, how long it can be used.

use std::time::Duration;

use pulse_kernel::Timestamp;

use super::template::Template;

/// A day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A coupon that was bought can be used for so long at least: whoever pays at the last moment gets something for it.
pub const BOUGHT_VALID_MIN: Duration = DAY;

/// In which state a coupon is kept. That its time is over is not kept: it follows from the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Can be used.
    Active,
    /// An order that is not paid yet holds it.
    Reserved,
    /// Was used.
    Used,
}

/// What gave a coupon. Each origin gives one coupon, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its customer took it.
    Claim,
    /// Somebody gave it.
    Grant,
    /// It was bought with an order.
    Sale,
    /// It was earned with an order.
    PostOrderReward,
}

impl Origin {
    /// Whether the coupon takes a unit of its template's quota under its own name. What is bought took it with its order.
    #[must_use]
    pub const fn takes_quota(self) -> bool {
        match self {
            Self::Claim | Self::Grant | Self::PostOrderReward => true,
            Self::Sale => false,
        }
    }
}

/// Until when a coupon that is got `now` can be used.
#[must_use]
pub fn expires_at(template: &Template, origin: Origin, now: Timestamp) -> Timestamp {
    let said = match template.valid_days {
        0 => template.ends_at,
        days => now.plus(DAY.saturating_mul(days)),
    };
    match origin {
        Origin::Sale => said.max(now.plus(BOUGHT_VALID_MIN)),
        Origin::Claim | Origin::Grant | Origin::PostOrderReward => said,
    }
}

/// A free place among the `limit` that a customer has, when there is one: the `spread`-th free one, so that parallel
/// claims of one customer seldom try the same.
#[must_use]
pub fn free_slot(limit: i64, taken: &[i64], spread: i64) -> Option<i64> {
    let free: Vec<i64> = (1..=limit).filter(|slot| !taken.contains(slot)).collect();
    let index = usize::try_from(spread).unwrap_or(0).checked_rem(free.len())?;
    free.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::super::template::tests::ten_off;
    use super::*;

    #[test]
    fn a_coupon_ends_with_its_template_or_after_its_days() {
        let at = Timestamp::from_millis;
        let template = Template { ends_at: at(1_000), ..ten_off() };
        let day = 86_400_000;
        for (valid_days, origin, now, expected) in [
            (0, Origin::Claim, 900, 1_000),
            (0, Origin::Sale, 900, 900 + day),
            (2, Origin::Grant, 900, 900 + 2 * day),
            (2, Origin::Sale, 900, 900 + 2 * day),
        ] {
            let template = Template { valid_days, ..template.clone() };
            assert_eq!(expires_at(&template, origin, at(now)), at(expected), "{valid_days} {origin:?}");
        }
    }

    #[test]
    fn a_slot_is_free_or_there_is_none() {
        assert_eq!(free_slot(3, &[], 0), Some(1));
        assert_eq!(free_slot(3, &[], 5), Some(3));
        assert_eq!(free_slot(3, &[1, 3], 7), Some(2));
        assert_eq!(free_slot(3, &[1, 2, 3], 7), None);
        assert_eq!(free_slot(1, &[99], 7), Some(1), "a slot beyond the limit takes no place");
    }
}
