//! Parameters and report of a load test.

use std::path::PathBuf;
use std::time::Duration;

use pulse_bench::{Arrivals, LoadReport, Spacing};
use serde::Serialize;

/// Scenarios that `pulse load-test` can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioName {
    /// Reads: nearby shops, a shop, its menu, the orders of the user. One request per visit.
    Browse,
    /// Orders of one unit. Most are paid in the sandbox, some are cancelled, some abandoned.
    Order,
    /// Flash sale: takes a ticket and asks for admission, once per user.
    FlashSale,
}

/// Parameters of a load test.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// URL of the node.
    pub url: String,
    /// Scenario of the visits.
    pub scenario: ScenarioName,
    /// Visits per second after the ramp.
    pub rate_per_s: f64,
    /// Duration of the schedule.
    #[serde(serialize_with = "humantime_serde::serialize")]
    pub duration: Duration,
    /// Time in which the rate grows from 0; part of `duration`.
    #[serde(serialize_with = "humantime_serde::serialize")]
    pub ramp: Duration,
    /// Whether visits have constant intervals instead of random ones.
    pub is_constant_interval: bool,
    /// Seed of the intervals and of the choices of users.
    pub seed: u64,
    /// Number of connections, each with one request at a time.
    pub connections: usize,
    /// Maximum number of visits that wait for a connection.
    pub queue_max: usize,
    /// Timeout of a request, and of unfinished visits after the end of the schedule.
    #[serde(serialize_with = "humantime_serde::serialize")]
    pub timeout: Duration,
    /// Number of users; `None` for the default of the scenario.
    pub users: Option<u32>,
    /// Data folder of the node, whose keys sign tokens.
    pub data: Option<PathBuf>,
    /// File with one access token per line.
    pub token_file: Option<PathBuf>,
    /// Whether each user sends its own client address in X-Forwarded-For.
    pub is_client_ip_spoofed: bool,
    /// Location of `browse` users: latitude and longitude in degrees.
    pub near: (f64, f64),
    /// ID of the shop for `order`; `None` to open one.
    pub shop: Option<i64>,
    /// ID of the sale for `flash-sale`; `None` to open one.
    pub sale: Option<i64>,
    /// Number of units of the opened sale; `None` for one unit per user.
    pub units: Option<u32>,
}

/// Report of a load test.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of the load generator.
    pub version: &'static str,
    /// Machine of the load generator.
    pub machine: String,
    /// Parameters of the test.
    pub settings: Plan,
    /// Served and refused visits per second.
    pub completed_per_s: f64,
    /// Number of visits with an error.
    pub errors: u64,
    /// Counts and latencies.
    #[serde(flatten)]
    pub load: LoadReport,
    /// Remarks that help to read the numbers.
    pub notes: Vec<String>,
}

impl Plan {
    /// Schedule of the visits.
    pub(super) fn arrivals(&self) -> Arrivals {
        Arrivals {
            rate_per_s: self.rate_per_s,
            ramp: self.ramp,
            duration: self.duration,
            spacing: if self.is_constant_interval { Spacing::Constant } else { Spacing::Random },
            seed: self.seed,
            visits_max: None,
        }
    }
}
