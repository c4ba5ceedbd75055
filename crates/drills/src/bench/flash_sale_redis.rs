//! Flash sale admissions in Redis through the admission engine, beside bare pipelines of the same script.

use std::time::Duration;

use pulse_bench::{Progress, Rounds};
use pulse_limiter::admission::bench::{FlashSale, Plan, Run, flash_sale, load};

use super::figure::{Figure, Output, outcome_of};
use super::plan::BenchPlan;

/// Numbers of concurrent callers: busy connections of a node under normal and under high load.
const CALLERS: [u32; 2] = [64, 512];
/// Admissions per round, for subject and reference each.
const ADMISSIONS: u32 = 100_000;
/// Buyers of the sale whose reload time is measured.
const RELOADED_BUYERS: u32 = 1_000_000;

pub(super) async fn run(plan: &BenchPlan, redis: &str, output: &mut Output<'_>) -> anyhow::Result<()> {
    for callers in CALLERS {
        output.add(measure(plan, redis, callers).await?)?;
    }
    Ok(())
}

async fn measure(plan: &BenchPlan, redis: &str, callers: u32) -> anyhow::Result<Figure> {
    let name = format!("flash-sale-redis-{callers}");
    let progress = Progress::on_stderr(&name, u64::from(plan.rounds));
    let mut rounds = Rounds::default();
    let (mut scripts, mut busy) = (0_u64, Duration::ZERO);
    let of = |run: &Run| outcome_of(run.elapsed, &run.latencies);
    for _ in 0..plan.rounds {
        let round = Plan { url: redis.to_owned(), requests: ADMISSIONS, callers };
        let FlashSale { engine, reference, script } = flash_sale(&round).await?;
        rounds.subject.push(of(&engine));
        rounds.reference.push(of(&reference));
        scripts += script.calls;
        busy += script.total;
        progress.step();
    }
    progress.finish();
    let reference = "the same EVALSHA in two bare pipelines with one command per caller";
    let measured = rounds.measurement(&name, reference, usize::try_from(callers)?, &rounds.subject_as_one());
    let script_ns = u64::try_from(busy.as_nanos())?.checked_div(scripts).unwrap_or_default();
    let loaded_ms = u64::try_from(load(redis, RELOADED_BUYERS).await?.as_millis())?;
    Ok(Figure::from(measured).with("script_ns", script_ns).with("load_of_1000000_buyers_ms", loaded_ms))
}
