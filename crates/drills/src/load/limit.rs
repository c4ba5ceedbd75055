//! Latency limits that make a load test fail.

use std::time::Duration;

use pulse_bench::Percentiles;

/// Upper limit of a percentile of the visit latency.
#[derive(Clone, Debug)]
pub struct Limit {
    name: String,
    of: fn(&Percentiles) -> f64,
    at_most: Duration,
}

impl Limit {
    /// Limit of `p50`, `p90`, `p99`, `p99.9` or `max`; `None` for any other name.
    #[must_use]
    pub fn new(name: &str, at_most: Duration) -> Option<Self> {
        let of: fn(&Percentiles) -> f64 = match name {
            "p50" => |took| took.p50_ms,
            "p90" => |took| took.p90_ms,
            "p99" => |took| took.p99_ms,
            "p99.9" => |took| took.p999_ms,
            "max" => |took| took.max_ms,
            _ => return None,
        };
        Some(Self { name: name.to_owned(), of, at_most })
    }

    /// Message about an exceeded limit; `None` when the latency is within it.
    #[must_use]
    pub fn exceeded_by(&self, visits: &Percentiles) -> Option<String> {
        let ms = (self.of)(visits);
        let took = Duration::try_from_secs_f64(seconds(ms)).unwrap_or(Duration::MAX);
        let at_most = humantime::format_duration(self.at_most);
        (took > self.at_most).then(|| format!("{} of visits is {ms} ms, more than {at_most}", self.name))
    }
}

#[expect(clippy::float_arithmetic, reason = "milliseconds of a report as seconds")]
fn seconds(ms: f64) -> f64 {
    ms / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slower_percentile_exceeds_the_limit() {
        let took = Percentiles { count: 9, p50_ms: 1.0, p90_ms: 2.0, p99_ms: 20.0, p999_ms: 30.0, max_ms: 40.0 };
        let exceeded = |name, ms| Limit::new(name, Duration::from_millis(ms)).unwrap().exceeded_by(&took);
        assert_eq!(exceeded("p99", 20), None);
        assert_eq!(exceeded("p99", 19).unwrap(), "p99 of visits is 20 ms, more than 19ms");
        for (name, ms) in [("p50", 1), ("p90", 2), ("p99.9", 30), ("max", 40)] {
            assert!(exceeded(name, ms).is_none() && exceeded(name, ms - 1).is_some(), "{name}");
        }
        assert!(Limit::new("p98", Duration::ZERO).is_none());
    }
}
