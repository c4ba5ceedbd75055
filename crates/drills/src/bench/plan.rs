//! Which benchmark to run, and its parameters.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

/// Benchmarks that `pulse bench` can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BenchName {
    /// All benchmarks below, one after the other; flash-sale-redis only with --redis.
    All,
    /// Authenticated, rate-limited, traced GET of one cached shop. Reference: a constant route of the same server.
    Edge,
    /// Search for nearby shops, 20 results within 5 km, with filters, at growing shop counts. Reference: a constant
    /// route.
    Nearby,
    /// Concurrent commits, each flushed before its answer. Reference: one transaction per commit.
    GroupCommit,
    /// Rows per second of `pulse import shops`. Reference: plain inserts of the same shops.
    Import,
    /// Time from process start to readiness, on an empty data folder. Reference: `pulse --version`.
    Start,
    /// Concurrent reservations of one variant. Reference: one transaction per reservation.
    HotSku,
    /// Orders of 1, 10 and 100 lines. References: one plain INSERT per request, and a constant route.
    Checkout,
    /// Creation of orders for admitted flash sale buyers, in batches. Reference: plain inserts of the same rows.
    FlashSaleOrders,
    /// Flash sale admissions, each by another buyer and on disk before its answer. Reference: a constant route.
    FlashSale,
    /// Flash sale requests after the last unit is sold. Reference: a constant route.
    FlashSaleRefused,
    /// Flash sale admissions in Redis; needs --redis. Reference: bare pipelines of the same script.
    FlashSaleRedis,
    /// Memory and time per buyer of a flash sale with 10 million buyers in one process. Reference: one hash map.
    FlashSaleMemory,
}

/// Parameters of a run; each benchmark reads those that concern it.
#[derive(Clone, Debug)]
pub struct BenchPlan {
    /// Benchmark to run.
    pub name: BenchName,
    /// Path of the binary `pulse`, which some benchmarks start as a process of its own.
    pub program: PathBuf,
    /// Number of shops; `None` for a series of growing counts.
    pub shops: Option<u32>,
    /// Number of rows to import.
    pub rows: u32,
    /// Number of flash sale buyers; `None` for the default of each benchmark.
    pub buyers: Option<u32>,
    /// Whether buyers arrive in random order instead of the order of their account ids.
    pub is_shuffled: bool,
    /// Number of orders that exist before the measurement.
    pub orders: u32,
    /// Number of admissions that become orders.
    pub admissions: u32,
    /// Number of orders per batch.
    pub batch: u32,
    /// URL of an empty database; `None` for an embedded one.
    pub store: Option<String>,
    /// URL of a Redis server.
    pub redis: Option<String>,
    /// Number of client connections.
    pub connections: u32,
    /// Number of pairs of rounds; odd, so that the median is the value of one round.
    pub rounds: u32,
    /// Additional time of each database flush, which simulates a slower disk.
    pub flush_delay: Option<Duration>,
    /// Parent of the temporary folders; `None` for the temporary folder of the system.
    pub folder: Option<PathBuf>,
}

impl BenchPlan {
    /// Whether this benchmark is part of the run.
    pub(super) fn includes(&self, name: BenchName) -> bool {
        self.name == name || self.name == BenchName::All
    }

    /// A new temporary folder, which is removed when the value is dropped.
    pub(super) fn temporary_folder(&self) -> anyhow::Result<tempfile::TempDir> {
        let made = match &self.folder {
            Some(folder) => tempfile::tempdir_in(folder),
            None => tempfile::tempdir(),
        };
        made.context("cannot make a folder for the benchmark")
    }
}

/// A path as text, for command lines and URLs.
pub(super) fn path_text(path: &Path) -> String {
    path.display().to_string()
}
