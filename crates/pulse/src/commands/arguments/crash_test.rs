//! Arguments of `pulse crash-test`.

use std::path::PathBuf;

use clap::Args;

/// Kill a node under load repeatedly, and check that no confirmed data is lost.
///
/// The command starts its own node on an empty folder. Customers place and cancel orders until the node is killed at a
/// random moment, as kill -9 does. Then the stored data is verified, the node starts again, and unanswered requests are
/// sent again with the same idempotency key. In the end, the answers that customers got must agree with the stock.
///
/// Exit codes: 0 no violations; 4 violations; 1 the test could not be run; 2 invalid arguments.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pulse crash-test --rounds 300
  pulse crash-test --sale --rounds 100
  pulse crash-test --rounds 20 --seed 7 --json")]
pub(in crate::commands) struct CrashTestArguments {
    /// Test a flash sale instead of orders: confirmed admissions persist, no unit is sold twice, and all units can be sold
    /// again after their orders are cancelled.
    #[arg(long)]
    pub(in crate::commands) sale: bool,
    /// Number of kills, 1 to 100000.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(in crate::commands) rounds: u32,
    /// Number of customers that send requests concurrently, 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(in crate::commands) customers: u32,
    /// Seed of the moments of the kills [default: random].
    #[arg(long, value_name = "N")]
    pub(in crate::commands) seed: Option<u64>,
    /// Parent of the temporary data folder [default: the temporary folder of the system].
    #[arg(long, value_name = "DIR")]
    pub(in crate::commands) folder: Option<PathBuf>,
    /// URL of an empty database that no other client uses [default: an embedded database].
    #[arg(long, value_name = "URL")]
    pub(in crate::commands) store: Option<String>,
    /// Print the report as one JSON object.
    #[arg(long)]
    pub(in crate::commands) json: bool,
}
