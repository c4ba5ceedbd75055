//! When visitors come: a schedule that is known before the first one does, and that waits for nobody.
#![expect(clippy::float_arithmetic, reason = "random distances in time are fractions; nothing is decided by them")]

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::rates::{fraction, nanos};

/// How far visitors are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// As independent people come: at random (a Poisson process), so that there are crowds and pauses.
    Random,
    /// Always the same distance.
    Even,
}

/// When visitors come. The same value always gives the same instants.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// So many per second once the ramp is over.
    pub rate_per_s: f64,
    /// How long the rate grows from nothing to `rate_per_s`; part of `duration`.
    pub ramp: Duration,
    /// How long visitors come.
    pub duration: Duration,
    /// How far they are apart.
    pub spacing: Spacing,
    /// Decides about random distances.
    pub seed: u64,
    /// Not more visitors than this, when there are not more people.
    pub visitors_max: Option<u64>,
}

impl Arrivals {
    /// The instants, in nanoseconds from the start, in order.
    pub fn instants(&self) -> impl Iterator<Item = u64> + Send + use<> {
        let Self { rate_per_s, ramp, duration, spacing, seed, visitors_max } = self.clone();
        let (end, mut random) = (nanos(duration), StdRng::seed_from_u64(seed));
        let mut sum = 0.0;
        let sums = (0_u64..).map(move |number| match spacing {
            Spacing::Even => fraction(number),
            Spacing::Random => {
                // 1 - u is never 0.
                sum -= (1.0 - random.random::<f64>()).ln();
                sum
            }
        });
        let count_max = usize::try_from(visitors_max.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        sums.map(move |sum| instant(rate_per_s, ramp, sum)).take_while(move |due| *due < end).take(count_max)
    }

    /// How many visitors come in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::try_from(self.instants().count()).unwrap_or(u64::MAX)
    }

    /// How many per second should come at this instant, in nanoseconds from the start.
    #[must_use]
    pub fn wanted_per_s(&self, now: u64) -> f64 {
        match nanos(self.ramp) {
            _ if now >= nanos(self.duration) => 0.0,
            ramp if now < ramp => self.rate_per_s * fraction(now) / fraction(ramp),
            _ => self.rate_per_s,
        }
    }
}

/// When so many visitors are expected to have come: the area below the rate, a triangle and then a rectangle, is `sum`.
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
        Arrivals { rate_per_s, ramp, duration, spacing, seed, visitors_max: None }
    }

    #[test]
    fn even_arrivals_are_where_the_rate_says() {
        let even = arrivals(4.0, 0, 1, Spacing::Even, 0);
        assert_eq!(even.instants().collect::<Vec<_>>(), [0, 250_000_000, 500_000_000, 750_000_000]);
        assert_eq!(Arrivals { visitors_max: Some(3), ..even }.count(), 3);
        // Half as many in the ramp: its mean rate is half of the rate.
        let ramped = arrivals(100.0, 10, 20, Spacing::Even, 0);
        assert_eq!(ramped.instants().filter(|at| *at < 10 * S).count(), 500);
        assert_eq!(ramped.count(), 1_500);
        assert_eq!([0, 5 * S, 10 * S, 20 * S].map(|now| ramped.wanted_per_s(now)), [0.0, 50.0, 100.0, 0.0]);
    }

    #[test]
    fn random_arrivals_have_the_spread_of_independent_people() {
        // Of a Poisson process the counts of seconds have a variance that is their mean.
        let random = arrivals(100.0, 0, 2_000, Spacing::Random, 7);
        let mut seconds = vec![0.0_f64; 2_000];
        for at in random.instants() {
            seconds[usize::try_from(at.div_euclid(S)).unwrap()] += 1.0;
        }
        let mean = seconds.iter().sum::<f64>() / 2_000.0;
        let variance = seconds.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 2_000.0;
        assert!((99.0..101.0).contains(&mean), "mean {mean}");
        assert!((0.9..1.1).contains(&(variance / mean)), "variance {variance} of mean {mean}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is asked for: in order, before the end, the same again, and about as many as the rate says.
        #[test]
        fn schedules_are_what_was_asked_for(
            rate in 0.5..2_000.0_f64, ramp in 0_u64..20, more in 1_u64..20, seed: u64, is_even: bool,
        ) {
            let spacing = if is_even { Spacing::Even } else { Spacing::Random };
            let schedule = arrivals(rate, ramp, ramp + more, spacing, seed);
            let instants: Vec<u64> = schedule.instants().collect();
            prop_assert!(instants.is_sorted());
            prop_assert!(instants.iter().all(|at| *at < (ramp + more) * S));
            prop_assert!(schedule.instants().eq(instants.iter().copied()));
            let expected = rate * (fraction(ramp) / 2.0 + fraction(more));
            let deviation = (fraction(schedule.count()) - expected).abs();
            // Seven standard deviations.
            let allowed = if is_even { 2.0 } else { 7.0 * expected.sqrt() + 2.0 };
            prop_assert!(deviation <= allowed, "{} came, {expected} were expected", schedule.count());
        }
    }
}
