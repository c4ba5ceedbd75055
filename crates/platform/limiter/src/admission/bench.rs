//! Measures a sale in Redis: through the engine, and with the same script in bare pipelines, from one process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pulse_contract::errors;
use pulse_kernel::Error;
use tokio::task::JoinSet;

use super::{
    AdmissionEngine, AdmissionRequest, ExistingAdmission, RedisAdmissionEngine, RedisAdmissionOptions, ScriptTime,
    UrlError, Verdict,
};

/// The sales that are made and removed again; no generator of ids comes to these names.
const THROUGH_ENGINE: i64 = i64::MAX - 1;
const BARE: i64 = i64::MAX - 2;
const LOADED: i64 = i64::MAX - 3;
/// Bare pipelines under way at the same time: while one is answered, Redis has the next one.
const PIPELINES: u32 = 2;
/// Buyers in memory at a time while many are loaded.
const LOADED_AT_ONCE: i64 = 50_000;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where Redis is, as for [`RedisAdmissionOptions`].
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
    /// Through the engine, each caller on its own.
    pub engine: Run,
    /// The same script with the same arguments, in pipelines of as many as there are callers.
    pub reference: Run,
    /// How long the scripts of the first run took in Redis.
    pub script: ScriptTime,
}

/// A engine for measuring: it does not give up on a machine that is busy.
///
/// # Errors
/// When the URL cannot be read.
pub fn engine(url: &str) -> Result<Arc<RedisAdmissionEngine>, UrlError> {
    let options =
        RedisAdmissionOptions { timeout: Duration::from_secs(30), ..RedisAdmissionOptions::new(url, "bench") };
    RedisAdmissionEngine::new(options).map(Arc::new)
}

/// Runs the plan, the reference first.
///
/// # Errors
/// `GATE_UNAVAILABLE`; `INTERNAL` when not every buyer was admitted, or the URL cannot be read.
pub async fn flash_sale(plan: &Plan) -> Result<FlashSale, Error> {
    let engine = engine(&plan.url).map_err(|error| wrong("no engine").caused_by(error))?;
    // Tells Redis the script: a bare pipeline cannot.
    AdmissionEngine::admit(&*engine, request_of(BARE, 0)).await?;
    let reference = measured(&engine, BARE, plan, bare(&engine, plan)).await?;
    let before = engine.script_time().await?;
    let through = measured(&engine, THROUGH_ENGINE, plan, through_engine(&engine, plan)).await?;
    let after = engine.script_time().await?;
    let script = ScriptTime { calls: after.calls - before.calls, total: after.total.saturating_sub(before.total) };
    Ok(FlashSale { engine: through, reference, script })
}

/// How long it takes to load a sale in which so many were admitted before.
///
/// # Errors
/// `GATE_UNAVAILABLE`; `INTERNAL` when not all of them are known afterwards, or the URL cannot be read.
pub async fn load(url: &str, buyers: u32) -> Result<Duration, Error> {
    let engine = engine(url).map_err(|error| wrong("no engine").caused_by(error))?;
    let begun = Instant::now();
    let loading = engine.prepare(LOADED).await?;
    let mut next = 1;
    while next <= i64::from(buyers) {
        let end = (next + LOADED_AT_ONCE).min(i64::from(buyers) + 1);
        let known: Vec<ExistingAdmission> =
            (next..end).map(|buyer| ExistingAdmission { buyer, admission: buyer, units: 1 }).collect();
        let is_ours = engine.load(loading, &known).await?;
        if !is_ours {
            return Err(wrong("somebody else loads the sale of the benchmark"));
        }
        next = end;
    }
    let is_open = engine.open(loading, 1).await?;
    let elapsed = begun.elapsed();
    let known = engine.stats(LOADED).await?.map(|stats| stats.buyers);
    engine.close(LOADED).await?;
    if is_open && known == Some(u64::from(buyers)) { Ok(elapsed) } else { Err(wrong("not all buyers were loaded")) }
}

fn wrong(detail: &'static str) -> Error {
    errors::INTERNAL.error(detail)
}

fn request_of(sale: i64, number: u32) -> AdmissionRequest {
    // As long as real ones.
    let name = 7_241_389_123_000_000_000 + i64::from(number);
    AdmissionRequest { sale, buyer: name, admission: name, units: 1 }
}

/// Opens the sale, runs, and makes sure that everybody was admitted.
async fn measured(
    engine: &RedisAdmissionEngine,
    sale: i64,
    plan: &Plan,
    run: impl Future<Output = Result<Run, Error>>,
) -> Result<Run, Error> {
    let loading = engine.prepare(sale).await?;
    engine.open(loading, plan.asks.into()).await?;
    let mut run = run.await?;
    run.latencies.sort_unstable();
    let stats = engine.stats(sale).await?.unwrap_or_default();
    engine.close(sale).await?;
    let is_whole = stats.free == 0 && stats.buyers == u64::from(plan.asks);
    if is_whole { Ok(run) } else { Err(wrong("not every buyer was admitted").with("stats", format!("{stats:?}"))) }
}

async fn through_engine(engine: &Arc<RedisAdmissionEngine>, plan: &Plan) -> Result<Run, Error> {
    let one = async |engine: &Arc<RedisAdmissionEngine>, from: u32, to: u32| {
        let mut latencies = Vec::new();
        for number in from..to {
            let begun = Instant::now();
            if AdmissionEngine::admit(&**engine, request_of(THROUGH_ENGINE, number)).await? != Verdict::Admitted {
                return Err(wrong("a buyer was refused"));
            }
            latencies.push(begun.elapsed());
        }
        Ok(latencies)
    };
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for (from, to) in shares(plan.asks, plan.callers) {
        let engine = Arc::clone(engine);
        callers.spawn(async move { one(&engine, from, to).await });
    }
    finish(callers, begun).await
}

async fn bare(engine: &Arc<RedisAdmissionEngine>, plan: &Plan) -> Result<Run, Error> {
    let begun = Instant::now();
    let mut pipelines = JoinSet::new();
    for (from, to) in shares(plan.asks, PIPELINES) {
        let (engine, length) = (Arc::clone(engine), plan.callers.max(1));
        pipelines.spawn(async move {
            let mut latencies = Vec::new();
            let mut next = from;
            while next < to {
                let end = (next + length).min(to);
                let asks: Vec<AdmissionRequest> = (next..end).map(|number| request_of(BARE, number)).collect();
                let begun = Instant::now();
                engine.admit_bare(&asks).await?;
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
