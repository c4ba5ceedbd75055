//! Benchmark of the Redis engine against the same script in bare pipelines, from one process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pulse_contract::errors;
use pulse_kernel::Error;
use tokio::task::JoinSet;

use super::{
    AdmissionEngine, AdmissionRequest, ExistingAdmission, RedisAdmissionEngine, RedisAdmissionOptions, ScriptTime,
    UrlError, Verdict,
};

/// IDs of the temporary sales; the ID generator never reaches them.
const THROUGH_ENGINE: i64 = i64::MAX - 1;
const BARE: i64 = i64::MAX - 2;
const LOADED: i64 = i64::MAX - 3;
/// Number of concurrent bare pipelines: Redis always has the next one queued.
const PIPELINES: u32 = 2;
/// Buyers per batch of a load.
const LOADED_AT_ONCE: i64 = 50_000;

/// Options of the benchmark.
#[derive(Clone, Debug)]
pub struct Plan {
    /// URL of Redis, as for [`RedisAdmissionOptions`].
    pub url: String,
    /// Number of requests, each of another buyer; all are admitted.
    pub requests: u32,
    /// Number of concurrent callers; also the length of the bare pipelines.
    pub callers: u32,
}

/// Result of one run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Total time.
    pub elapsed: Duration,
    /// Latency of each request, sorted; that of a pipeline for each of its requests.
    pub latencies: Vec<Duration>,
}

/// Result of the benchmark.
#[derive(Clone, Debug)]
pub struct FlashSale {
    /// Through the engine, with concurrent callers.
    pub engine: Run,
    /// The same script calls in pipelines of `callers`.
    pub reference: Run,
    /// Time in Redis of the scripts of the run through the engine.
    pub script: ScriptTime,
}

/// An engine with a timeout for busy machines.
///
/// # Errors
/// When the URL is not valid.
pub fn engine(url: &str) -> Result<Arc<RedisAdmissionEngine>, UrlError> {
    let options =
        RedisAdmissionOptions { timeout: Duration::from_secs(30), ..RedisAdmissionOptions::new(url, "bench") };
    RedisAdmissionEngine::new(options).map(Arc::new)
}

/// Runs the plan, the reference first.
///
/// # Errors
/// `GATE_UNAVAILABLE`; `INTERNAL` when not every buyer was admitted, or the URL is not valid.
pub async fn flash_sale(plan: &Plan) -> Result<FlashSale, Error> {
    let engine = engine(&plan.url).map_err(|error| wrong("the engine cannot be created").caused_by(error))?;
    // Loads the script into Redis, which a bare pipeline does not.
    AdmissionEngine::admit(&*engine, request_of(BARE, 0)).await?;
    let reference = measured(&engine, BARE, plan, bare(&engine, plan)).await?;
    let before = engine.script_time().await?;
    let through = measured(&engine, THROUGH_ENGINE, plan, through_engine(&engine, plan)).await?;
    let after = engine.script_time().await?;
    let script = ScriptTime { calls: after.calls - before.calls, total: after.total.saturating_sub(before.total) };
    Ok(FlashSale { engine: through, reference, script })
}

/// Time to load a sale with `buyers` existing admissions.
///
/// # Errors
/// `GATE_UNAVAILABLE`; `INTERNAL` when not all are loaded, or the URL is not valid.
pub async fn load(url: &str, buyers: u32) -> Result<Duration, Error> {
    let engine = engine(url).map_err(|error| wrong("the engine cannot be created").caused_by(error))?;
    let begun = Instant::now();
    let loading = engine.prepare(LOADED).await?;
    let mut next = 1;
    while next <= i64::from(buyers) {
        let end = (next + LOADED_AT_ONCE).min(i64::from(buyers) + 1);
        let known: Vec<ExistingAdmission> =
            (next..end).map(|buyer| ExistingAdmission { buyer, admission: buyer, units: 1 }).collect();
        let is_ours = engine.load(loading, &known).await?;
        if !is_ours {
            return Err(wrong("another process loads the sale of the benchmark"));
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
    // As many digits as real IDs.
    let name = 7_241_389_123_000_000_000 + i64::from(number);
    AdmissionRequest { sale, buyer: name, admission: name, units: 1 }
}

/// Opens the sale, runs, and checks that all buyers were admitted.
async fn measured(
    engine: &RedisAdmissionEngine,
    sale: i64,
    plan: &Plan,
    run: impl Future<Output = Result<Run, Error>>,
) -> Result<Run, Error> {
    let loading = engine.prepare(sale).await?;
    engine.open(loading, plan.requests.into()).await?;
    let mut run = run.await?;
    run.latencies.sort_unstable();
    let stats = engine.stats(sale).await?.unwrap_or_default();
    engine.close(sale).await?;
    let is_whole = stats.free == 0 && stats.buyers == u64::from(plan.requests);
    if is_whole { Ok(run) } else { Err(wrong("not every buyer was admitted").with("stats", format!("{stats:?}"))) }
}

async fn through_engine(engine: &Arc<RedisAdmissionEngine>, plan: &Plan) -> Result<Run, Error> {
    let one = async |engine: &Arc<RedisAdmissionEngine>, from: u32, to: u32| {
        let mut latencies = Vec::new();
        for number in from..to {
            let begun = Instant::now();
            if AdmissionEngine::admit(&**engine, request_of(THROUGH_ENGINE, number)).await? != Verdict::Admitted {
                return Err(wrong("a buyer was not admitted"));
            }
            latencies.push(begun.elapsed());
        }
        Ok(latencies)
    };
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for (from, to) in shares(plan.requests, plan.callers) {
        let engine = Arc::clone(engine);
        callers.spawn(async move { one(&engine, from, to).await });
    }
    finish(callers, begun).await
}

async fn bare(engine: &Arc<RedisAdmissionEngine>, plan: &Plan) -> Result<Run, Error> {
    let begun = Instant::now();
    let mut pipelines = JoinSet::new();
    for (from, to) in shares(plan.requests, PIPELINES) {
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

/// The numbers below `count` in `parts` ranges.
fn shares(count: u32, parts: u32) -> impl Iterator<Item = (u32, u32)> {
    let parts = u64::from(parts.max(1));
    let start = move |part: u64| {
        // Rounded down: the remainder goes to the later parts.
        let start = (u64::from(count) * part).checked_div(parts).unwrap_or(0);
        u32::try_from(start).unwrap_or(count)
    };
    (0..parts).map(move |part| (start(part), start(part + 1)))
}

async fn finish(mut tasks: JoinSet<Result<Vec<Duration>, Error>>, begun: Instant) -> Result<Run, Error> {
    let mut latencies = Vec::new();
    while let Some(task) = tasks.join_next().await {
        latencies.extend(task.map_err(|error| wrong("a caller task failed").caused_by(error))??);
    }
    Ok(Run { elapsed: begun.elapsed(), latencies })
}
