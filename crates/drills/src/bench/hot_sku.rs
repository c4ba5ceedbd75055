//! Concurrent reservations of one variant through the stock context, beside one transaction per reservation on the same
//! tables.

use pulse_bench::{Progress, Rounds};
use pulse_stock::bench::{HotSku, Plan, hot_sku};

use super::figure::{Figure, outcome};
use super::plan::BenchPlan;

/// Reservations per round through the stock context.
const RESERVATIONS: u32 = 40_000;
/// Reservations per round of the reference, which is slower by a factor of 10 and more.
const REFERENCE_RESERVATIONS: u32 = 4_000;

pub(super) async fn run(plan: &BenchPlan) -> anyhow::Result<Figure> {
    let progress = Progress::on_stderr("hot-sku", u64::from(plan.rounds));
    let mut rounds = Rounds::default();
    let folder = plan.temporary_folder()?;
    for round in 0..plan.rounds {
        let url = match &plan.store {
            Some(url) => url.clone(),
            None => format!("sqlite:{}", folder.path().join(format!("{round}.db")).display()),
        };
        let round = Plan {
            url,
            reservations: RESERVATIONS,
            concurrency: plan.connections,
            reference_reservations: REFERENCE_RESERVATIONS,
            // The embedded store would group concurrent commits; with one caller, each is a transaction and a flush.
            reference_concurrency: if plan.store.is_some() { plan.connections } else { 1 },
        };
        let HotSku { batched, reference } = hot_sku(&round).await?;
        rounds.subject.push(outcome(&batched));
        rounds.reference.push(outcome(&reference));
        progress.step();
    }
    progress.finish();
    let reference = "one transaction each: a guarded change of the hot row, the same rows beside it, same flush";
    let connections = usize::try_from(plan.connections)?;
    Ok(rounds.measurement("hot-sku", reference, connections, &rounds.subject_as_one()).into())
}
