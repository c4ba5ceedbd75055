//! Exponential back-off with a cap, jitter, and a maximum number of attempts.

use std::time::Duration;

/// Back-off of failed deliveries.
///
/// The pause before attempt n + 1 is a random value in the upper half of `first * 2^(n - 1)`, capped at `longest` (T16). The
/// randomness spreads consumers that failed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Maximum number of attempts before an event becomes a dead letter. At least 1. Default: 16.
    pub attempts_max: u32,
    /// Maximum pause after the first failure. Default: 200 ms.
    pub first: Duration,
    /// Maximum of all pauses. Default: 5 min.
    pub longest: Duration,
}

impl Default for Backoff {
    /// 16 attempts with pauses from 200 ms to 5 min: gives up after 17 to 34 minutes.
    fn default() -> Self {
        Self { attempts_max: 16, first: Duration::from_millis(200), longest: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// The pause after `attempts` consecutive failures. `None` when the attempts are exhausted. `random` is any number.
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
