//! Arguments of `pulse load-test`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pulse_drills::load::{Limit, ScenarioName, USERS_MAX};

use super::duration;

/// Run an open-loop load test against a running node.
///
/// Starts user visits on a fixed schedule and reports latency percentiles. The schedule does not depend on the node: a
/// visit counts from the time at which it was due, including the time that it waited for a connection. Every visit is
/// counted as served, refused (an expected refusal, such as a sold-out item), unexpected (any other error response),
/// failed (no response), dropped (the queue was full) or unfinished.
///
/// Access tokens are signed with the keys in --data, so the command must run on the machine of the node; or they are read
/// from --token-file. With --data, the command also opens the shop or flash sale that it needs; otherwise set --shop or
/// --sale. Orders and admissions are real: do not run order or flash-sale against a node with real customers.
///
/// The rate limits of the API apply, per user and per client address. --spoof-client-ip gives each user its own client
/// address; the node accepts it if edge.access.trusted_proxies contains the address of the load generator.
///
/// Ctrl-C stops the test and prints the report. Exit codes: 0 the test ran; 4 a --fail-above or --fail-errors condition
/// was met; 1 the test could not be run; 2 invalid arguments.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pulse load-test http://127.0.0.1:8080 --scenario browse --rate 200/s --duration 30s
  pulse load-test http://127.0.0.1:8080 --scenario order --rate 100/s --ramp 5s --data data/demo
  pulse load-test http://127.0.0.1:8080 --scenario flash-sale --rate 2000/s --duration 10s --units 100 \\
      --spoof-client-ip --data data
  pulse load-test http://10.0.0.7:8080 --scenario flash-sale --sale 42 --token-file tokens --json
  pulse load-test http://127.0.0.1:8080 --scenario browse --rate 50/s --fail-above p99=20ms --fail-errors")]
pub(in crate::commands) struct LoadTestArguments {
    /// URL of the node, such as http://127.0.0.1:8080.
    #[arg(value_name = "URL")]
    pub(in crate::commands) url: String,
    /// Requests of each visit.
    #[arg(long, value_enum)]
    pub(in crate::commands) scenario: ScenarioName,
    /// Visits per second or minute after the ramp, such as 2000/s or 90/min; 0.001/s to 1000000/s.
    #[arg(long, value_name = "RATE", default_value = "100/s", value_parser = rate)]
    pub(in crate::commands) rate: f64,
    /// Duration of the schedule, 1ms to 24h.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = run_time)]
    pub(in crate::commands) duration: Duration,
    /// Time in which the rate grows linearly from 0; part of --duration.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(in crate::commands) ramp: Duration,
    /// Start visits at constant intervals instead of random ones (Poisson process).
    #[arg(long)]
    pub(in crate::commands) constant_interval: bool,
    /// Seed of the intervals and of the choices of users [default: random].
    #[arg(long, value_name = "N")]
    pub(in crate::commands) seed: Option<u64>,
    /// Number of connections, each with one request at a time, 1 to 10000.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(in crate::commands) connections: u32,
    /// Maximum number of visits that wait for a connection, 1 to 1000000; further visits are dropped.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::commands) queue_max: u32,
    /// Timeout of a request, and of unfinished visits after the end of the schedule.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(in crate::commands) timeout: Duration,
    /// Number of users, who visit in turn, up to 2000000. In flash-sale each user visits once [default: 10000; for
    /// flash-sale one per visit].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(USERS_MAX)))]
    pub(in crate::commands) users: Option<u32>,
    /// Data folder of the node, whose keys sign access tokens.
    #[arg(long, value_name = "DIR")]
    pub(in crate::commands) data: Option<PathBuf>,
    /// File with one access token per line.
    #[arg(long, value_name = "FILE")]
    pub(in crate::commands) token_file: Option<PathBuf>,
    /// Send a different client address for each user in X-Forwarded-For.
    #[arg(long)]
    pub(in crate::commands) spoof_client_ip: bool,
    /// browse: location of the users in degrees.
    #[arg(long, value_name = "LATITUDE,LONGITUDE", default_value = "31.23,121.47", value_parser = location, allow_hyphen_values = true)]
    pub(in crate::commands) near: (f64, f64),
    /// order: ID of a shop; a product of its menu is ordered [default: a new shop].
    #[arg(long, value_name = "ID")]
    pub(in crate::commands) shop: Option<i64>,
    /// flash-sale: ID of an open sale [default: a new sale].
    #[arg(long, value_name = "ID")]
    pub(in crate::commands) sale: Option<i64>,
    /// flash-sale: number of units of the new sale, 1 to 1000000 [default: one per visit].
    #[arg(long, value_name = "N", conflicts_with = "sale", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::commands) units: Option<u32>,
    /// Exit with code 4 if a percentile of the visit latency is above a limit: p50, p90, p99, p99.9 or max. Can be repeated.
    #[arg(long, value_name = "PERCENTILE=TIME", value_parser = limit)]
    pub(in crate::commands) fail_above: Vec<Limit>,
    /// Exit with code 4 if a visit is unexpected, failed, dropped or unfinished.
    #[arg(long)]
    pub(in crate::commands) fail_errors: bool,
    /// Print the report as one JSON object.
    #[arg(long)]
    pub(in crate::commands) json: bool,
}

/// Parses a rate in visits per second.
#[expect(clippy::float_arithmetic, reason = "converts a rate per minute into one per second")]
fn rate(text: &str) -> Result<f64, String> {
    let (number, divisor) = match text.split_once('/') {
        None | Some((_, "s")) => (text.trim_end_matches("/s"), 1.0),
        Some((number, "min")) => (number, 60.0),
        Some(_) => return Err("must be a rate per second, such as 2000/s, or per minute, such as 90/min".to_owned()),
    };
    let rate = number.parse::<f64>().map_err(|error| format!("{number:?}: {error}"))? / divisor;
    if (0.001..=1_000_000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("must be between 0.001/s and 1000000/s".to_owned())
    }
}

fn run_time(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    let allowed = Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);
    if allowed.contains(&duration) { Ok(duration) } else { Err("must be between 1ms and 24h".to_owned()) }
}

fn location(text: &str) -> Result<(f64, f64), String> {
    let degrees = |text: &str, max: f64| text.trim().parse::<f64>().ok().filter(|degrees| degrees.abs() <= max);
    let location = text.split_once(',').and_then(|(north, east)| Some((degrees(north, 90.0)?, degrees(east, 180.0)?)));
    location.ok_or_else(|| "must be latitude and longitude in degrees, such as 31.23,121.47".to_owned())
}

fn limit(text: &str) -> Result<Limit, String> {
    let (name, time) = text.split_once('=').ok_or("must be PERCENTILE=TIME, such as p99=20ms")?;
    let at_most = duration(time)?;
    Limit::new(name, at_most).ok_or_else(|| "the percentile must be p50, p90, p99, p99.9 or max".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_locations_and_limits_are_parsed_or_rejected() {
        assert_eq!([rate("2000/s"), rate("90/min"), rate("0.5")], [Ok(2_000.0), Ok(1.5), Ok(0.5)]);
        for text in ["", "/s", "0/s", "-1/s", "NaN", "inf", "5/h", "2000001/s", "x/min"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert_eq!(location("-33.9, 18.4"), Ok((-33.9, 18.4)));
        for text in ["", "91,0", "0,181", "0", "NaN,0"] {
            assert!(location(text).is_err(), "{text}");
        }
        assert!(limit("p99=20ms").is_ok() && limit("p99.9=1s").is_ok() && limit("max=1m").is_ok());
        for text in ["p99", "p98=1s", "p99=", "p99=20"] {
            assert!(limit(text).is_err(), "{text}");
        }
        assert!(run_time("0s").is_err() && run_time("25h").is_err() && run_time("1h").is_ok());
    }
}
