//! A sale of millions in the memory of one process: what a buyer costs, and how fast they are decided.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::{Context, ensure};
use pulse_bench::{Outcome, Progress, alternate};
use pulse_limiter::admission::{AdmissionEngine, AdmissionRequest, MemoryAdmissionEngine, Verdict};

use super::super::arguments::Bench;
use super::super::process;
use super::Figure;

/// How many buyers there are when nothing is said.
const BUYERS: u32 = 10_000_000;
/// Rounds: the memory of the second one is the first one's, so only the first one is weighed.
const ROUNDS: usize = 3;
/// The one sale.
const SALE: i64 = 1;

pub(super) async fn run(plan: &Bench) -> anyhow::Result<Figure> {
    let buyers = plan.buyers.unwrap_or(BUYERS);
    let progress = Progress::on_stderr("flash-sale-memory", 6);
    let mut grown = None;
    let rounds = alternate(
        ROUNDS,
        &progress,
        async |_round| {
            let before = resident()?;
            let (outcome, gate) = through_gate(buyers).await?;
            grown.get_or_insert(resident()?.saturating_sub(before));
            drop(gate);
            anyhow::Ok(outcome)
        },
        async |_round| anyhow::Ok(bare(buyers)),
    )
    .await?;
    progress.finish();
    let latency = rounds.subject_as_one();
    let measured = rounds.measurement("flash-sale-memory", "inserts into one hash map, by one thread too", 1, &latency);
    let bytes = grown.unwrap_or_default().checked_div(buyers.into()).unwrap_or_default();
    Ok(Figure::from(measured).with("buyers", buyers).with("bytes_per_buyer", bytes))
}

/// Admits everybody; the sale has a unit for each.
async fn through_gate(buyers: u32) -> anyhow::Result<(Outcome, MemoryAdmissionEngine)> {
    let gate = MemoryAdmissionEngine::new();
    let loading = gate.prepare(SALE).await?;
    ensure!(gate.open(loading, buyers.into()).await?, "the sale is open");
    let begun = Instant::now();
    for buyer in 1..=i64::from(buyers) {
        let verdict = gate.admit_now(AdmissionRequest { sale: SALE, buyer, admission: buyer, units: 1 });
        ensure!(verdict == Verdict::Admitted, "buyer {buyer} was answered {verdict:?}");
    }
    Ok((Outcome::of_job(buyers.into(), begun.elapsed()), gate))
}

fn bare(buyers: u32) -> Outcome {
    let begun = Instant::now();
    let mut known: HashMap<i64, i64> = HashMap::new();
    for buyer in 1..=i64::from(buyers) {
        known.entry(buyer).or_insert(buyer);
    }
    let elapsed = begun.elapsed();
    // Looked at, so that it is made.
    std::hint::black_box(&known);
    Outcome::of_job(buyers.into(), elapsed)
}

/// The memory of this process, in bytes.
fn resident() -> anyhow::Result<u64> {
    process::memory("self").context("the memory of this process cannot be read")
}
