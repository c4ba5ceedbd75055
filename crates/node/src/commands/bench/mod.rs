//! `pulse bench`: measures this machine, each time against a reference in the same run.

mod checkout;
mod edge;
mod flash_sale;
mod flash_sale_drain;
mod flash_sale_memory;
mod flash_sale_redis;
mod group_commit;
mod hot_sku;
mod import;
mod insert;
mod nearby;
mod start;
mod town;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use pulse_bench::{Measurement, Outcome, Paired, Progress, Side, table};
use serde::Serialize;
use serde_json::{Map, Value};

use super::arguments::{Bench, BenchName};
use super::show::print;
use crate::Config;
use town::Town;

/// A measurement, and what only this benchmark tells.
#[derive(Debug, Serialize)]
struct Figure {
    #[serde(flatten)]
    measurement: Measurement,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl From<Measurement> for Figure {
    fn from(measurement: Measurement) -> Self {
        Self { measurement, more: Map::new() }
    }
}

impl Figure {
    /// Adds a number under a name that says its unit.
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.measurement.notes.push(format!("{name} {value}"));
        self.more.insert(name.to_owned(), value);
        self
    }
}

/// Where figures go: a line each as they come, or a table at the end.
struct Output {
    is_json: bool,
    measured: Vec<Measurement>,
}

impl Output {
    fn add(&mut self, figure: Figure) -> anyhow::Result<()> {
        if self.is_json {
            return print(&serde_json::to_string(&figure)?);
        }
        self.measured.push(figure.measurement);
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        if self.is_json { Ok(()) } else { print(table(&self.measured).trim_end()) }
    }
}

/// `pulse bench`.
pub(super) async fn bench(plan: Bench) -> anyhow::Result<()> {
    // As `pulse serve` does: metrics are recorded, lines are filtered, requests are sampled.
    let mut config = Config::default();
    "warn".clone_into(&mut config.telemetry.log);
    let telemetry = pulse_telemetry::init(&config.telemetry.telemetry())?;
    let mut output = Output { is_json: plan.json, measured: Vec::new() };
    let is_asked = |name| plan.name == name || plan.name == BenchName::All;
    // The quickest first, and those that leave much in memory last.
    if is_asked(BenchName::Start) {
        output.add(start::run(&plan).await?)?;
    }
    if is_asked(BenchName::GroupCommit) {
        group_commit::run(&plan, &mut output).await?;
    }
    if is_asked(BenchName::Import) {
        output.add(import::run(&plan).await?)?;
    }
    if is_asked(BenchName::HotSku) {
        output.add(hot_sku::run(&plan).await?)?;
    }
    if is_asked(BenchName::Checkout) {
        checkout::run(&plan, &mut output).await?;
    }
    if is_asked(BenchName::FlashSaleDrain) {
        flash_sale_drain::run(&plan, &mut output).await?;
    }
    match &plan.redis {
        Some(redis) if is_asked(BenchName::FlashSaleRedis) => flash_sale_redis::run(&plan, redis, &mut output).await?,
        None if plan.name == BenchName::FlashSaleRedis => bail!("flash-sale-redis needs --redis URL"),
        Some(_) | None => {}
    }
    if is_asked(BenchName::Edge) {
        output.add(edge::run(&plan).await?)?;
    }
    if is_asked(BenchName::FlashSale) {
        flash_sale::admitted(&plan, &mut output).await?;
    }
    if is_asked(BenchName::FlashSaleRefused) {
        flash_sale::refused(&plan, &mut output).await?;
    }
    if is_asked(BenchName::Nearby) {
        nearby::run(&plan, &mut output).await?;
    }
    if is_asked(BenchName::FlashSaleMemory) {
        output.add(flash_sale_memory::run(&plan).await?)?;
    }
    telemetry.shutdown().await;
    output.finish()
}

/// What a run of a store came to.
fn outcome(run: &pulse_store::bench::Run) -> Outcome {
    outcome_of(run.elapsed, &run.latencies)
}

fn outcome_of(elapsed: Duration, latencies: &[Duration]) -> Outcome {
    let mut outcome = Outcome { elapsed, ..Outcome::default() };
    for latency in latencies {
        outcome.record(0, 0, u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }
    outcome
}

/// A folder that disappears with its value.
fn folder(plan: &Bench) -> anyhow::Result<tempfile::TempDir> {
    let made = match &plan.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    made.context("cannot make a folder for the benchmark")
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}

/// Measures a route of the town against its constant route; both get the same headers.
async fn against_constant(
    plan: &Bench,
    name: &str,
    town: &Town,
    subject: (&str, pulse_bench::Requests),
) -> anyhow::Result<Measurement> {
    let mut paired = Paired::new(name, usize::try_from(plan.connections)?);
    paired.rounds = usize::try_from(plan.rounds)?;
    let (label, requests) = subject;
    let subject = Side { label: label.to_owned(), address: town.address, requests, refusal: None };
    let reference = Side {
        label: "a constant route of the same server".to_owned(),
        address: town.address,
        requests: town.constant(),
        refusal: None,
    };
    let progress = Progress::on_stderr(name, paired.steps());
    let measured = paired.run(&subject, &reference, &progress).await;
    progress.finish();
    Ok(measured?)
}
