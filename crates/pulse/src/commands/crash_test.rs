//! `pulse crash-test`.

use std::process::ExitCode;

use pulse_drills::crash::{Plan, Report, run};

use super::EXIT_VIOLATION;
use super::arguments::CrashTestArguments;
use super::show::print;

pub(super) async fn crash_test(arguments: CrashTestArguments) -> anyhow::Result<ExitCode> {
    let folder = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let plan = Plan {
        program: super::program()?,
        is_flash_sale: arguments.sale,
        rounds: arguments.rounds,
        customers: usize::try_from(arguments.customers)?,
        seed,
        data: folder.path().join("data"),
        store: arguments.store,
    };
    let report = run(&plan).await?;
    print(&if arguments.json { serde_json::to_string(&report)? } else { text_of(&report, seed) })?;
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATION) })
}

fn text_of(report: &Report, seed: u64) -> String {
    let Report { kills, placed, cancelled, refused, repeated, repaired, violations } = report;
    let mut text = format!(
        "  {kills} kills (seed {seed})\n  {placed} orders placed, {cancelled} of them cancelled, {refused} requests refused \
         because nothing was left\n  {repeated} unanswered requests were sent again; {repaired} interrupted operations were \
         repaired\n"
    );
    for violation in violations {
        text += &format!("  VIOLATION  {violation}\n");
    }
    text + if report.holds() { "  No violations." } else { "  There are violations." }
}
