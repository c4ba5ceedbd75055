//! `pulse crash`: whether a node that is killed loses anything.

use std::process::ExitCode;

use super::arguments::CrashArguments;
use super::show::print;
use crate::crash::{Plan, Report, run, run_rush};

/// The exit code when something happened that should not.
const EXIT_BROKEN: u8 = 4;

pub(super) async fn crash(arguments: CrashArguments) -> anyhow::Result<ExitCode> {
    let folder = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let plan = Plan {
        rounds: arguments.rounds,
        customers: usize::try_from(arguments.customers)?,
        seed,
        data: folder.path().join("data"),
        store: arguments.store,
    };
    let report = if arguments.sale { run_rush(&plan).await? } else { run(&plan).await? };
    print(&if arguments.json { serde_json::to_string(&report)? } else { told(&report, seed) })?;
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_BROKEN) })
}

fn told(report: &Report, seed: u64) -> String {
    let Report { kills, placed, cancelled, refused, repeated, repaired, broken } = report;
    let mut text = format!(
        "  killed {kills} times (seed {seed})\n  {placed} orders placed, {cancelled} of them cancelled, {refused} customers \
         found nothing left\n  {repeated} requests had no answer and were repeated; {repaired} things were under way and \
         put right\n"
    );
    for line in broken {
        text += &format!("  BROKEN  {line}\n");
    }
    text + if report.holds() { "  Nothing was lost, nothing came from nowhere." } else { "  It does not hold." }
}
