//! Schedule of visits. It is fixed before the run and does not depend on the server.
#![expect(clippy::float_arithmetic, reason = "random intervals are fractions; nothing is decided by them")]

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::rates::{fraction, nanos};

/// Distribution of the intervals between visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Random intervals of independent users (a Poisson process), with bursts and pauses.
    Random,
    /// Constant intervals.
    Constant,
}

/// Schedule of visits. Equal values give equal due times.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// Visits per second after the ramp.
    pub rate_per_s: f64,
    /// Time in which the rate grows linearly from 0 to `rate_per_s`; part of `duration`.
    pub ramp: Duration,
    /// Time from the start to the last due visit.
    pub duration: Duration,
    /// Distribution of the intervals.
    pub spacing: Spacing,
    /// Seed of random intervals.
    pub seed: u64,
    /// Maximum number of visits; `None` for no limit.
    pub visits_max: Option<u64>,
}

impl Arrivals {
    /// Due times in nanoseconds from the start, in ascending order.
    pub fn due_times(&self) -> impl Iterator<Item = u64> + Send + use<> {
        let Self { rate_per_s, ramp, duration, spacing, seed, visits_max } = self.clone();
        let (end, mut random) = (nanos(duration), StdRng::seed_from_u64(seed));
        let mut sum = 0.0;
        let sums = (0_u64..).map(move |number| match spacing {
            Spacing::Constant => fraction(number),
            Spacing::Random => {
                // 1 - u is never 0.
                sum -= (1.0 - random.random::<f64>()).ln();
                sum
            }
        });
        let count_max = usize::try_from(visits_max.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        sums.map(move |sum| instant(rate_per_s, ramp, sum)).take_while(move |due| *due < end).take(count_max)
    }

    /// Total number of visits.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::try_from(self.due_times().count()).unwrap_or(u64::MAX)
    }

    /// Scheduled rate per second at a time, in nanoseconds from the start.
    #[must_use]
    pub fn scheduled_per_s(&self, now: u64) -> f64 {
        match nanos(self.ramp) {
            _ if now >= nanos(self.duration) => 0.0,
            ramp if now < ramp => self.rate_per_s * fraction(now) / fraction(ramp),
            _ => self.rate_per_s,
        }
    }
}

/// Time at which the expected number of visits is `sum`: the area below the rate, a triangle followed by a rectangle.
fn instant(rate_per_s: f64, ramp: Duration, sum: f64) -> u64 {
    let ramp_s = ramp.as_secs_f64();
    let in_ramp = rate_per_s * ramp_s / 2.0;
    let at_s = if sum < in_ramp { (2.0 * ramp_s * sum / rate_per_s).sqrt() } else { sum / rate_per_s + ramp_s / 2.0 };
    Duration::try_from_secs_f64(at_s).map_or(u64::MAX, nanos)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: u64 = 1_000_000_000;

    fn arrivals(rate_per_s: f64, ramp_s: u64, duration_s: u64, spacing: Spacing, seed: u64) -> Arrivals {
        let (ramp, duration) = (Duration::from_secs(ramp_s), Duration::from_secs(duration_s));
        Arrivals { rate_per_s, ramp, duration, spacing, seed, visits_max: None }
    }

    #[test]
    fn constant_intervals_follow_the_rate() {
        let constant = arrivals(4.0, 0, 1, Spacing::Constant, 0);
        assert_eq!(constant.due_times().collect::<Vec<_>>(), [0, 250_000_000, 500_000_000, 750_000_000]);
        assert_eq!(Arrivals { visits_max: Some(3), ..constant }.count(), 3);
        // The mean rate of the ramp is half of the rate.
        let ramped = arrivals(100.0, 10, 20, Spacing::Constant, 0);
        assert_eq!(ramped.due_times().filter(|at| *at < 10 * S).count(), 500);
        assert_eq!(ramped.count(), 1_500);
        assert_eq!([0, 5 * S, 10 * S, 20 * S].map(|now| ramped.scheduled_per_s(now)), [0.0, 50.0, 100.0, 0.0]);
    }

    #[test]
    fn random_intervals_are_a_poisson_process() {
        // In a Poisson process, the counts per second have a variance equal to their mean.
        let random = arrivals(100.0, 0, 2_000, Spacing::Random, 7);
        let mut seconds = vec![0.0_f64; 2_000];
        for at in random.due_times() {
            seconds[usize::try_from(at.div_euclid(S)).unwrap()] += 1.0;
        }
        let mean = seconds.iter().sum::<f64>() / 2_000.0;
        let variance = seconds.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 2_000.0;
        assert!((99.0..101.0).contains(&mean), "mean {mean}");
        assert!((0.9..1.1).contains(&(variance / mean)), "variance {variance} of mean {mean}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Due times are sorted, before the end, reproducible, and close in number to the rate.
        #[test]
        fn schedules_follow_their_parameters(
            rate in 0.5..2_000.0_f64, ramp in 0_u64..20, more in 1_u64..20, seed: u64, is_constant: bool,
        ) {
            let spacing = if is_constant { Spacing::Constant } else { Spacing::Random };
            let schedule = arrivals(rate, ramp, ramp + more, spacing, seed);
            let due_times: Vec<u64> = schedule.due_times().collect();
            prop_assert!(due_times.is_sorted());
            prop_assert!(due_times.iter().all(|at| *at < (ramp + more) * S));
            prop_assert!(schedule.due_times().eq(due_times.iter().copied()));
            let expected = rate * (fraction(ramp) / 2.0 + fraction(more));
            let deviation = (fraction(schedule.count()) - expected).abs();
            // Seven standard deviations.
            let allowed = if is_constant { 2.0 } else { 7.0 * expected.sqrt() + 2.0 };
            prop_assert!(deviation <= allowed, "{} visits, expected {expected}", schedule.count());
        }
    }
}
