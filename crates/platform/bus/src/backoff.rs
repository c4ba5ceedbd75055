//! How long to wait before the next attempt: doubling, capped, with jitter, and at some point never again.

use std::time::Duration;

/// When a failed delivery is tried again.
///
/// The pause before attempt n + 1 is drawn from the upper half of `first * 2^(n - 1)`, capped at `longest`:
/// it grows, it never grows without a bound (T16), and consumers that failed together do not return together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// How often a delivery is tried before it becomes a dead letter; at least 1.
    pub attempts_max: u32,
    /// The largest pause after the first failure.
    pub first: Duration,
    /// The largest pause of all.
    pub longest: Duration,
}

impl Default for Backoff {
    /// 16 attempts from 200 ms to 5 min: gives up after 17 to 34 minutes, longer than a restart of what failed takes.
    fn default() -> Self {
        Self { attempts_max: 16, first: Duration::from_millis(200), longest: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// The pause after `attempts` failures in a row; `None` when it is time to give up. `random` is any number.
    #[must_use]
    pub fn pause_after(&self, attempts: u32, random: u64) -> Option<Duration> {
        if attempts >= self.attempts_max {
            return None;
        }
        let doublings = attempts.saturating_sub(1).min(u64::BITS - 1);
        let ceiling = millis(self.first).saturating_mul(1 << doublings).min(millis(self.longest));
        let half = ceiling >> 1;
        Some(Duration::from_millis(ceiling - half + random % (half + 1)))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T16: the pause doubles, is capped, and ends.
    #[test]
    fn the_pause_doubles_up_to_the_cap_and_ends() {
        let backoff =
            Backoff { attempts_max: 6, first: Duration::from_millis(100), longest: Duration::from_millis(1_000) };
        let largest: Vec<_> = (1..=6).map(|attempts| backoff.pause_after(attempts, 50)).collect();
        let smallest: Vec<_> = (1..=6).map(|attempts| backoff.pause_after(attempts, 0)).collect();
        let pauses = |list: [u64; 5]| list.into_iter().map(|ms| Some(Duration::from_millis(ms))).chain([None]);
        assert_eq!(smallest, pauses([50, 100, 200, 400, 500]).collect::<Vec<_>>());
        assert_eq!(largest, pauses([100, 150, 250, 450, 550]).collect::<Vec<_>>());
    }

    #[test]
    fn no_number_of_attempts_overflows() {
        let backoff = Backoff { attempts_max: u32::MAX, first: Duration::MAX, longest: Duration::MAX };
        assert!(backoff.pause_after(u32::MAX - 1, u64::MAX).is_some());
        let none = Backoff { attempts_max: 2, first: Duration::ZERO, longest: Duration::ZERO };
        assert_eq!(none.pause_after(1, u64::MAX), Some(Duration::ZERO));
    }
}
