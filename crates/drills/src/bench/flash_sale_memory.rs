//! A flash sale with millions of buyers in the memory of one process: bytes and time per buyer.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::{Context, ensure};
use pulse_bench::{Outcome, Progress, alternate};
use pulse_limiter::admission::{AdmissionEngine, AdmissionRequest, MemoryAdmissionEngine, Verdict};

use super::figure::Figure;
use super::plan::BenchPlan;
use crate::process_memory;

/// Number of buyers when the plan has none.
const BUYERS: u32 = 10_000_000;
/// Number of rounds. Later rounds reuse the memory of the first one, so only the first one is weighed.
const ROUNDS: usize = 3;
/// ID of the sale.
const SALE: i64 = 1;

pub(super) async fn run(plan: &BenchPlan) -> anyhow::Result<Figure> {
    let buyers = plan.buyers.unwrap_or(BUYERS);
    let progress = Progress::on_stderr("flash-sale-memory", 6);
    let mut grown = None;
    let rounds = alternate(
        ROUNDS,
        &progress,
        async |_round| {
            let before = resident()?;
            let (outcome, engine) = admit_all(buyers).await?;
            grown.get_or_insert(resident()?.saturating_sub(before));
            drop(engine);
            anyhow::Ok(outcome)
        },
        async |_round| anyhow::Ok(insert_all(buyers)),
    )
    .await?;
    progress.finish();
    let latency = rounds.subject_as_one();
    let reference = "inserts into one hash map, single thread";
    let measured = rounds.measurement("flash-sale-memory", reference, 1, &latency);
    let bytes = grown.unwrap_or_default().checked_div(buyers.into()).unwrap_or_default();
    Ok(Figure::from(measured).with("buyers", buyers).with("bytes_per_buyer", bytes))
}

/// Admits every buyer to a sale that has one unit per buyer.
async fn admit_all(buyers: u32) -> anyhow::Result<(Outcome, MemoryAdmissionEngine)> {
    let engine = MemoryAdmissionEngine::new();
    let loading = engine.prepare(SALE).await?;
    ensure!(engine.open(loading, buyers.into()).await?, "the sale is open");
    let begun = Instant::now();
    for buyer in 1..=i64::from(buyers) {
        let verdict = engine.admit_now(AdmissionRequest { sale: SALE, buyer, admission: buyer, units: 1 });
        ensure!(verdict == Verdict::Admitted, "buyer {buyer} got {verdict:?} instead of an admission");
    }
    Ok((Outcome::of_job(buyers.into(), begun.elapsed()), engine))
}

fn insert_all(buyers: u32) -> Outcome {
    let begun = Instant::now();
    let mut known: HashMap<i64, i64> = HashMap::new();
    for buyer in 1..=i64::from(buyers) {
        known.entry(buyer).or_insert(buyer);
    }
    let elapsed = begun.elapsed();
    // Keeps the compiler from removing the map.
    std::hint::black_box(&known);
    Outcome::of_job(buyers.into(), elapsed)
}

/// Memory of this process, in bytes.
fn resident() -> anyhow::Result<u64> {
    process_memory::current("self").context("the memory of this process cannot be read")
}
