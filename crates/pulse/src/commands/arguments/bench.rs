//! Arguments of `pulse bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pulse_drills::bench::{BenchName, BenchPlan};

use super::duration;

/// Run benchmarks on this machine, each beside a reference of the same run.
///
/// Rounds of subject and reference alternate, so a slow phase of the machine affects both; compare the ratio. Latency
/// percentiles come from an open loop at 70 % of the measured rate, and include the time that requests waited for the server.
/// docs/performance.md describes each benchmark and lists results.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pulse bench all
  pulse bench nearby --shops 100000
  pulse bench group-commit --flush-delay 1ms --json
  pulse bench checkout --store postgres://pulse:secret@db/bench")]
pub(in crate::commands) struct BenchArguments {
    /// Benchmark to run.
    #[arg(value_enum)]
    pub(in crate::commands) name: BenchName,
    /// Print one JSON object per measurement.
    #[arg(long)]
    pub(in crate::commands) json: bool,
    /// nearby: number of shops, 1000 to 10000000 [default: 10000, then 100000, then 1000000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    pub(in crate::commands) shops: Option<u32>,
    /// import: number of rows, 1000 to 10000000.
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    pub(in crate::commands) rows: u32,
    /// flash-sale, flash-sale-refused, flash-sale-memory: number of buyers, each with an access token and a ticket, 1 to
    /// 10000000 [default: 1500000; 200000 for flash-sale-refused; 10000000 for flash-sale-memory].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(in crate::commands) buyers: Option<u32>,
    /// flash-sale: buyers arrive in random order, so that their rows are spread over the table [default: in the order of
    /// their account ids].
    #[arg(long)]
    pub(in crate::commands) shuffled: bool,
    /// checkout: number of orders that exist before the measurement, up to 10000000.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub(in crate::commands) orders: u32,
    /// flash-sale-orders: number of admissions, 1000 to 10000000.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    pub(in crate::commands) admissions: u32,
    /// flash-sale-orders: number of orders per batch, 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(in crate::commands) batch: u32,
    /// edge, nearby, hot-sku, checkout, flash-sale, flash-sale-orders: URL of an empty database [default: an embedded
    /// database].
    #[arg(long, value_name = "URL")]
    pub(in crate::commands) store: Option<String>,
    /// flash-sale-redis: URL of a Redis server. Sales on it are not changed, but are slower during the run.
    #[arg(long, value_name = "URL")]
    pub(in crate::commands) redis: Option<String>,
    /// edge, nearby, hot-sku, checkout, flash-sale: number of client connections, 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(in crate::commands) connections: u32,
    /// Number of pairs of rounds, 1 to 99. An odd number makes the median the result of one round.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(in crate::commands) rounds: u32,
    /// group-commit, checkout: simulate a slower disk with this additional time per flush, for example 1ms [default: none;
    /// group-commit also measures 1ms].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(in crate::commands) flush_delay: Option<Duration>,
    /// Parent of the temporary database folders; its disk is measured [default: the temporary folder of the system].
    #[arg(long, value_name = "DIR")]
    pub(in crate::commands) folder: Option<PathBuf>,
}

impl BenchArguments {
    /// The plan of the run; `program` is the path of this binary.
    pub(in crate::commands) fn into_plan(self, program: PathBuf) -> BenchPlan {
        BenchPlan {
            name: self.name,
            program,
            shops: self.shops,
            rows: self.rows,
            buyers: self.buyers,
            is_shuffled: self.shuffled,
            orders: self.orders,
            admissions: self.admissions,
            batch: self.batch,
            store: self.store,
            redis: self.redis,
            connections: self.connections,
            rounds: self.rounds,
            flush_delay: self.flush_delay,
            folder: self.folder,
        }
    }
}
