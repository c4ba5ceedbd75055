//! A flash sale in Redis: admissions through the gate, beside bare pipelines of the same script.

use std::time::Duration;

use pulse_bench::{Progress, Rounds};
use pulse_limiter::admission::bench::{FlashSale, Plan, Run, flash_sale, load};

use super::super::arguments::Bench;
use super::{Figure, Output, outcome_of};

/// How many callers there are: as many as a node has busy connections, on a quiet and on a loud day.
const CALLERS: [u32; 2] = [64, 512];
/// Admissions of one round, on either side.
const ASKS: u32 = 100_000;
/// Buyers of the sale that is loaded again.
const LOADED: u32 = 1_000_000;

pub(super) async fn run(plan: &Bench, redis: &str, output: &mut Output) -> anyhow::Result<()> {
    for callers in CALLERS {
        output.add(measure(plan, redis, callers).await?)?;
    }
    Ok(())
}

async fn measure(plan: &Bench, redis: &str, callers: u32) -> anyhow::Result<Figure> {
    let name = format!("flash-sale-redis-{callers}");
    let progress = Progress::on_stderr(&name, u64::from(plan.rounds));
    let mut rounds = Rounds::default();
    let (mut scripts, mut busy) = (0_u64, Duration::ZERO);
    let of = |run: &Run| outcome_of(run.elapsed, &run.latencies);
    for _ in 0..plan.rounds {
        let round = Plan { url: redis.to_owned(), asks: ASKS, callers };
        let FlashSale { gate, reference, script } = flash_sale(&round).await?;
        rounds.subject.push(of(&gate));
        rounds.reference.push(of(&reference));
        scripts += script.calls;
        busy += script.total;
        progress.step();
    }
    progress.finish();
    let reference = "the same EVALSHA in two bare pipelines of as many commands as there are callers";
    let measured = rounds.measurement(&name, reference, usize::try_from(callers)?, &rounds.subject_as_one());
    let script_ns = u64::try_from(busy.as_nanos())?.checked_div(scripts).unwrap_or_default();
    let loaded_ms = u64::try_from(load(redis, LOADED).await?.as_millis())?;
    Ok(Figure::from(measured).with("script_ns", script_ns).with("load_of_1000000_buyers_ms", loaded_ms))
}
