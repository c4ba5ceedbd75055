//! What can be said to `pulse load`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::duration;
use crate::load::{Limit, ScenarioName};

/// Lets people come to a running node as a schedule says, whatever the node does, and measures what they have of it.
///
/// People come at random, --rate of them a second, and each makes a visit of one request or a few. A visit is measured
/// from the instant at which it was due and not from when it could be sent, so a node that stands still for a moment is as
/// slow as everybody who came meanwhile found it. Who finds all --connections busy waits, and that counts; who finds
/// --waiting people waiting is dropped, and that is told. Everybody who came is served, refused (rightly: sold out),
/// wrong (any other refusal), failed (no answer), dropped or unfinished.
///
/// Tokens are signed with the keys in the --data folder of the node, so that the generator runs where the node runs, or
/// they are read from --token-file. What people order, and a flash sale, is made by an operator whom --data allows as well;
/// otherwise name --shop or --sale. Orders and admissions are real: do not do this to a node with real customers.
///
/// Contract limits apply: one address may only call so often. --as-proxy gives every user an address of their own, which a
/// node believes when edge.access.trusted_proxies has the address of the generator.
///
/// Ctrl-C ends it early and tells what there is. Exit codes: 0 it ran, 4 it was slower than --fail-above or had errors with
/// --fail-errors, 1 it could not be run, 2 the command line is wrong.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pulse load http://127.0.0.1:8080 --scenario browse --rate 200/s --duration 30s\n  pulse load http://127.0.0.1:8080 --scenario order --rate 100/s --ramp 5s --data data/demo\n  pulse load http://127.0.0.1:8080 --scenario flash-sale --rate 2000/s --duration 10s --units 100 --as-proxy --data data\n  pulse load http://10.0.0.7:8080 --scenario flash-sale --sale 42 --token-file tokens --json\n  pulse load http://127.0.0.1:8080 --scenario browse --rate 50/s --fail-above p99=20ms --fail-errors"
)]
pub(in crate::commands) struct LoadArguments {
    /// Where the node is, such as http://127.0.0.1:8080.
    #[arg(value_name = "URL")]
    pub(in crate::commands) url: String,
    /// What people do.
    #[arg(long, value_enum)]
    pub(in crate::commands) scenario: ScenarioName,
    /// How many people come: 2000/s, 90/min.
    #[arg(long, value_name = "RATE", default_value = "100/s", value_parser = rate)]
    pub(in crate::commands) rate: f64,
    /// How long people come.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = run_time)]
    pub(in crate::commands) duration: Duration,
    /// How long the rate grows from nothing; part of --duration.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(in crate::commands) ramp: Duration,
    /// People come at even distances instead of at random.
    #[arg(long)]
    pub(in crate::commands) even: bool,
    /// Decides about who comes when and does what [default: another one each time].
    #[arg(long, value_name = "N")]
    pub(in crate::commands) seed: Option<u64>,
    /// How many connections; each has one request under way.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(in crate::commands) connections: u32,
    /// How many people may wait for a connection.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::commands) waiting: u32,
    /// How long an answer may take, and how long late ones are waited for in the end.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(in crate::commands) patience: Duration,
    /// How many different people there are, who come in turn; to a flash sale each comes once [default: 10000, to a flash
    /// sale as many as come].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::load::USERS_MAX)))]
    pub(in crate::commands) users: Option<u32>,
    /// The data folder of the node, whose keys sign tokens.
    #[arg(long, value_name = "DIR")]
    pub(in crate::commands) data: Option<PathBuf>,
    /// A file with an access token per line.
    #[arg(long, value_name = "FILE")]
    pub(in crate::commands) token_file: Option<PathBuf>,
    /// Says for every user that they come from an address of their own (X-Forwarded-For).
    #[arg(long)]
    pub(in crate::commands) as_proxy: bool,
    /// browse: where people are.
    #[arg(long, value_name = "LATITUDE,LONGITUDE", default_value = "31.23,121.47", value_parser = place, allow_hyphen_values = true)]
    pub(in crate::commands) near: (f64, f64),
    /// order: in which shop; something of its menu is ordered [default: one is opened].
    #[arg(long, value_name = "ID")]
    pub(in crate::commands) shop: Option<i64>,
    /// flash-sale: which sale [default: one is opened].
    #[arg(long, value_name = "ID")]
    pub(in crate::commands) sale: Option<i64>,
    /// flash-sale: how many units the opened sale has [default: one for everybody who comes].
    #[arg(long, value_name = "N", conflicts_with = "sale", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::commands) units: Option<u32>,
    /// Fails when visits took longer: p50, p90, p99, p99.9 or max; may be given several times.
    #[arg(long, value_name = "PERCENTILE=TIME", value_parser = limit)]
    pub(in crate::commands) fail_above: Vec<Limit>,
    /// Fails when anybody was answered wrongly, failed, was dropped or is unfinished.
    #[arg(long)]
    pub(in crate::commands) fail_errors: bool,
    /// Prints the report as one JSON object.
    #[arg(long)]
    pub(in crate::commands) json: bool,
}

/// People per second: from one in 1,000 s to a million.
#[expect(clippy::float_arithmetic, reason = "a rate per minute as one per second")]
fn rate(text: &str) -> Result<f64, String> {
    let (number, divisor) = match text.split_once('/') {
        None | Some((_, "s")) => (text.trim_end_matches("/s"), 1.0),
        Some((number, "min")) => (number, 60.0),
        Some(_) => return Err("a rate is a number of people per second, 2000/s, or per minute, 90/min".to_owned()),
    };
    let rate = number.parse::<f64>().map_err(|error| format!("{number:?}: {error}"))? / divisor;
    if (0.001..=1_000_000.0).contains(&rate) { Ok(rate) } else { Err("from 0.001/s to 1000000/s".to_owned()) }
}

fn run_time(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    let allowed = Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);
    if allowed.contains(&duration) { Ok(duration) } else { Err("from 1ms to 24h".to_owned()) }
}

fn place(text: &str) -> Result<(f64, f64), String> {
    let degrees = |text: &str, max: f64| text.trim().parse::<f64>().ok().filter(|degrees| degrees.abs() <= max);
    let place = text.split_once(',').and_then(|(north, east)| Some((degrees(north, 90.0)?, degrees(east, 180.0)?)));
    place.ok_or_else(|| "degrees north and east, such as 31.23,121.47".to_owned())
}

fn limit(text: &str) -> Result<Limit, String> {
    let (name, time) = text.split_once('=').ok_or("such as p99=20ms")?;
    let at_most = duration(time)?;
    Limit::new(name, at_most).ok_or_else(|| "p50, p90, p99, p99.9 or max".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_places_and_limits_are_read_or_refused() {
        assert_eq!([rate("2000/s"), rate("90/min"), rate("0.5")], [Ok(2_000.0), Ok(1.5), Ok(0.5)]);
        for text in ["", "/s", "0/s", "-1/s", "NaN", "inf", "5/h", "2000001/s", "x/min"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert_eq!(place("-33.9, 18.4"), Ok((-33.9, 18.4)));
        for text in ["", "91,0", "0,181", "0", "NaN,0"] {
            assert!(place(text).is_err(), "{text}");
        }
        assert!(limit("p99=20ms").is_ok() && limit("p99.9=1s").is_ok() && limit("max=1m").is_ok());
        for text in ["p99", "p98=1s", "p99=", "p99=20"] {
            assert!(limit(text).is_err(), "{text}");
        }
        assert!(run_time("0s").is_err() && run_time("25h").is_err() && run_time("1h").is_ok());
    }
}
