//! `pulse race`: known races against a running node, in plain words.

use std::process::ExitCode;

use super::arguments::RaceArguments;
use super::show::print;
use crate::race::{Outcome, run};
use crate::stage::Stage;

/// The exit code when something happened that should not.
const EXIT_BROKEN: u8 = 4;

pub(super) async fn race(arguments: RaceArguments) -> anyhow::Result<ExitCode> {
    let config = arguments.node.quiet_config()?;
    let stage = Stage::new(config.node.listen, &config.node.data)?;
    let parallel = usize::try_from(arguments.parallel)?;
    let outcomes = run(&stage, arguments.race, parallel, arguments.single_packet).await?;
    for outcome in &outcomes {
        print(&if arguments.json { serde_json::to_string(outcome)? } else { told(outcome) })?;
    }
    let holds = outcomes.iter().all(Outcome::holds);
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::from(EXIT_BROKEN) })
}

fn told(outcome: &Outcome) -> String {
    let mut text = format!("{}\n", outcome.race);
    for (answer, count) in &outcome.answers {
        text += &format!("  {count:>6} x {answer}\n");
    }
    for line in &outcome.told {
        text += &format!("  ok      {line}\n");
    }
    for line in &outcome.broken {
        text += &format!("  BROKEN  {line}\n");
    }
    text + if outcome.holds() { "  It holds." } else { "  It does not hold." }
}
