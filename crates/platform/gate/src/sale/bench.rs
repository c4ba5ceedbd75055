//! Measures a sale in Redis: through the gate, and with the same script in bare pipelines, from one process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pulse_contract::errors;
use pulse_kernel::Error;
use tokio::task::JoinSet;

use super::{Ask, Known, RedisSaleGate, RedisSaleGateOptions, SaleGate, ScriptTime, UrlError, Verdict};

/// The sales that are made and removed again; no generator of ids comes to these names.
const THROUGH_GATE: i64 = i64::MAX - 1;
const BARE: i64 = i64::MAX - 2;
const LOADED: i64 = i64::MAX - 3;
/// Bare pipelines under way at the same time: while one is answered, Redis has the next one.
const PIPELINES: u32 = 2;
/// Buyers in memory at a time while many are loaded.
const LOADED_AT_ONCE: i64 = 50_000;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where Redis is, as for [`RedisSaleGateOptions`].
    pub url: String,
    /// How many buyers ask, once each, and are admitted.
    pub asks: u32,
    /// How many of them wait for an answer at the same time; also the length of the bare pipelines.
    pub callers: u32,
}

/// How so many admissions went.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// From the first to the last.
    pub elapsed: Duration,
    /// Each one's time, sorted; of a pipeline it is the time of all of it.
    pub latencies: Vec<Duration>,
}

/// Both runs.
#[derive(Clone, Debug)]
pub struct FlashSale {
    /// Through the gate, each caller on its own.
    pub gate: Run,
    /// The same script with the same arguments, in pipelines of as many as there are callers.
    pub reference: Run,
    /// How long the scripts of the first run took in Redis.
    pub script: ScriptTime,
}

/// A gate for measuring: it does not give up on a machine that is busy.
///
/// # Errors
/// When the URL cannot be read.
pub fn gate(url: &str) -> Result<Arc<RedisSaleGate>, UrlError> {
    let options = RedisSaleGateOptions { timeout: Duration::from_secs(30), ..RedisSaleGateOptions::new(url, "bench") };
    RedisSaleGate::new(options).map(Arc::new)
}

/// Runs the plan, the reference first.
///
/// # Errors
/// `GATE_UNAVAILABLE`; `INTERNAL` when not every buyer was admitted, or the URL cannot be read.
pub async fn flash_sale(plan: &Plan) -> Result<FlashSale, Error> {
    let gate = gate(&plan.url).map_err(|error| wrong("no gate").caused_by(error))?;
    // Tells Redis the script: a bare pipeline cannot.
    SaleGate::admit(&*gate, ask(BARE, 0)).await?;
    let reference = measured(&gate, BARE, plan, bare(&gate, plan)).await?;
    let before = gate.script_time().await?;
    let through = measured(&gate, THROUGH_GATE, plan, through_gate(&gate, plan)).await?;
    let after = gate.script_time().await?;
    let script = ScriptTime { calls: after.calls - before.calls, total: after.total.saturating_sub(before.total) };
    Ok(FlashSale { gate: through, reference, script })
}

/// How long it takes to load a sale in which so many were admitted before.
///
/// # Errors
/// `GATE_UNAVAILABLE`; `INTERNAL` when not all of them are known afterwards, or the URL cannot be read.
pub async fn load(url: &str, buyers: u32) -> Result<Duration, Error> {
    let gate = gate(url).map_err(|error| wrong("no gate").caused_by(error))?;
    let begun = Instant::now();
    let loading = gate.prepare(LOADED).await?;
    let mut next = 1;
    while next <= i64::from(buyers) {
        let end = (next + LOADED_AT_ONCE).min(i64::from(buyers) + 1);
        let known: Vec<Known> = (next..end).map(|buyer| Known { buyer, admission: buyer, units: 1 }).collect();
        let is_ours = gate.load(loading, &known).await?;
        if !is_ours {
            return Err(wrong("somebody else loads the sale of the benchmark"));
        }
        next = end;
    }
    let is_open = gate.open(loading, 1).await?;
    let elapsed = begun.elapsed();
    let known = gate.standing(LOADED).await?.map(|standing| standing.buyers);
    gate.close(LOADED).await?;
    if is_open && known == Some(u64::from(buyers)) { Ok(elapsed) } else { Err(wrong("not all buyers were loaded")) }
}

fn wrong(detail: &'static str) -> Error {
    errors::INTERNAL.error(detail)
}

fn ask(sale: i64, number: u32) -> Ask {
    // As long as real ones.
    let name = 7_241_389_123_000_000_000 + i64::from(number);
    Ask { sale, buyer: name, admission: name, units: 1 }
}

/// Opens the sale, runs, and makes sure that everybody was admitted.
async fn measured(
    gate: &RedisSaleGate,
    sale: i64,
    plan: &Plan,
    run: impl Future<Output = Result<Run, Error>>,
) -> Result<Run, Error> {
    let loading = gate.prepare(sale).await?;
    gate.open(loading, plan.asks.into()).await?;
    let mut run = run.await?;
    run.latencies.sort_unstable();
    let standing = gate.standing(sale).await?.unwrap_or_default();
    gate.close(sale).await?;
    let is_whole = standing.free == 0 && standing.buyers == u64::from(plan.asks);
    if is_whole {
        Ok(run)
    } else {
        Err(wrong("not every buyer was admitted").with("standing", format!("{standing:?}")))
    }
}

async fn through_gate(gate: &Arc<RedisSaleGate>, plan: &Plan) -> Result<Run, Error> {
    let one = async |gate: &Arc<RedisSaleGate>, from: u32, to: u32| {
        let mut latencies = Vec::new();
        for number in from..to {
            let begun = Instant::now();
            if SaleGate::admit(&**gate, ask(THROUGH_GATE, number)).await? != Verdict::Admitted {
                return Err(wrong("a buyer was refused"));
            }
            latencies.push(begun.elapsed());
        }
        Ok(latencies)
    };
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for (from, to) in shares(plan.asks, plan.callers) {
        let gate = Arc::clone(gate);
        callers.spawn(async move { one(&gate, from, to).await });
    }
    finish(callers, begun).await
}

async fn bare(gate: &Arc<RedisSaleGate>, plan: &Plan) -> Result<Run, Error> {
    let begun = Instant::now();
    let mut pipelines = JoinSet::new();
    for (from, to) in shares(plan.asks, PIPELINES) {
        let (gate, length) = (Arc::clone(gate), plan.callers.max(1));
        pipelines.spawn(async move {
            let mut latencies = Vec::new();
            let mut next = from;
            while next < to {
                let end = (next + length).min(to);
                let asks: Vec<Ask> = (next..end).map(|number| ask(BARE, number)).collect();
                let begun = Instant::now();
                gate.admit_bare(&asks).await?;
                latencies.resize(latencies.len() + asks.len(), begun.elapsed());
                next = end;
            }
            Ok(latencies)
        });
    }
    finish(pipelines, begun).await
}

/// The numbers below `count` in so many parts.
fn shares(count: u32, parts: u32) -> impl Iterator<Item = (u32, u32)> {
    let parts = u64::from(parts.max(1));
    let start = move |part: u64| {
        // Rounded down: what does not divide goes to the later parts.
        let start = (u64::from(count) * part).checked_div(parts).unwrap_or(0);
        u32::try_from(start).unwrap_or(count)
    };
    (0..parts).map(move |part| (start(part), start(part + 1)))
}

async fn finish(mut tasks: JoinSet<Result<Vec<Duration>, Error>>, begun: Instant) -> Result<Run, Error> {
    let mut latencies = Vec::new();
    while let Some(task) = tasks.join_next().await {
        latencies.extend(task.map_err(|error| wrong("a caller has ended").caused_by(error))??);
    }
    Ok(Run { elapsed: begun.elapsed(), latencies })
}
