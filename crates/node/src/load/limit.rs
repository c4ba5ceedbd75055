//! How slow visits may be before it counts as a failure.

use std::time::Duration;

use pulse_bench::Percentiles;

/// A percentile of visits and what it may be at most.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    name: String,
    of: fn(&Percentiles) -> f64,
    at_most: Duration,
}

impl Limit {
    /// The limit of `p50`, `p90`, `p99`, `p99.9` or `max`; none of another name.
    pub(crate) fn new(name: &str, at_most: Duration) -> Option<Self> {
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

    /// What is to be said when visits took longer.
    pub(crate) fn broken_by(&self, visits: &Percentiles) -> Option<String> {
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
    fn what_is_slower_breaks_it() {
        let took = Percentiles { count: 9, p50_ms: 1.0, p90_ms: 2.0, p99_ms: 20.0, p999_ms: 30.0, max_ms: 40.0 };
        let broken = |name, ms| Limit::new(name, Duration::from_millis(ms)).unwrap().broken_by(&took);
        assert_eq!(broken("p99", 20), None);
        assert_eq!(broken("p99", 19).unwrap(), "p99 of visits is 20 ms, more than 19ms");
        for (name, ms) in [("p50", 1), ("p90", 2), ("p99.9", 30), ("max", 40)] {
            assert!(broken(name, ms).is_none() && broken(name, ms - 1).is_some(), "{name}");
        }
        assert!(Limit::new("p98", Duration::ZERO).is_none());
    }
}
