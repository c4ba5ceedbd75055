//! Group commit: concurrent use cases, each flushed before its answer, against one transaction per use case.

use std::time::Duration;

use pulse_bench::{Progress, Rounds};
use pulse_store::bench::{GroupCommit, Plan, group_commit};

use super::figure::{Figure, Output, outcome};
use super::plan::BenchPlan;

/// Number of concurrent use cases.
const CONCURRENCY: u32 = 64;
/// Use cases per round through the store.
const USE_CASES: u32 = 20_000;
/// Use cases per round of the reference, without and with a simulated slow disk.
const REFERENCE_USE_CASES: u32 = 4_000;
const REFERENCE_USE_CASES_SLOW: u32 = 500;
/// Flush delay of the simulated slow disk when the plan has none.
const SLOW_FLUSH: Duration = Duration::from_millis(1);

pub(super) async fn run(plan: &BenchPlan, output: &mut Output<'_>) -> anyhow::Result<()> {
    let disks = match plan.flush_delay {
        Some(delay) => vec![Some(delay)],
        None => vec![None, Some(SLOW_FLUSH)],
    };
    for delay in disks {
        output.add(measure(plan, delay).await?)?;
    }
    Ok(())
}

async fn measure(plan: &BenchPlan, flush_delay: Option<Duration>) -> anyhow::Result<Figure> {
    let name = match flush_delay {
        None => "group-commit".to_owned(),
        Some(delay) => format!("group-commit-flush-{}", humantime::format_duration(delay)),
    };
    let progress = Progress::on_stderr(&name, u64::from(plan.rounds));
    let mut rounds = Rounds::default();
    let (mut busy, mut flushing, mut commits, mut groups) = (Duration::ZERO, Duration::ZERO, 0_u64, 0_u64);
    for _ in 0..plan.rounds {
        let folder = plan.temporary_folder()?;
        let GroupCommit { grouped, reference, writer } = group_commit(&Plan {
            folder: folder.path().to_owned(),
            use_cases: USE_CASES,
            concurrency: CONCURRENCY,
            reference_use_cases: if flush_delay.is_some() { REFERENCE_USE_CASES_SLOW } else { REFERENCE_USE_CASES },
            flush_delay,
        })
        .await?;
        rounds.subject.push(outcome(&grouped));
        rounds.reference.push(outcome(&reference));
        busy += writer.busy;
        flushing += writer.flushing;
        commits += writer.commits;
        groups += writer.groups;
        progress.step();
    }
    progress.finish();
    let reference = "one transaction each, one connection, same statements and flush";
    let connections = usize::try_from(CONCURRENCY)?;
    let measured = rounds.measurement(&name, reference, connections, &rounds.subject_as_one());
    let each = |time: Duration, count: u64| {
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).checked_div(count).unwrap_or_default()
    };
    Ok(Figure::from(measured)
        .with("writer_ns_per_use_case", each(busy, commits))
        .with("flush_ns_per_group", each(flushing, groups))
        .with("use_cases_per_group", commits.checked_div(groups).unwrap_or_default()))
}
