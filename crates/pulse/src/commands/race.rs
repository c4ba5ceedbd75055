//! `pulse race`.

use std::process::ExitCode;

use pulse_drills::race::{Outcome, run};
use pulse_drills::target_node::TargetNode;

use super::EXIT_VIOLATION;
use super::arguments::RaceArguments;
use super::show::print;

pub(super) async fn race(arguments: RaceArguments) -> anyhow::Result<ExitCode> {
    let config = arguments.node.quiet_config()?;
    let node = TargetNode::new(config.node.listen, &config.node.data)?;
    let parallel = usize::try_from(arguments.parallel)?;
    let outcomes = run(&node, arguments.race, parallel, arguments.single_packet).await?;
    for outcome in &outcomes {
        print(&if arguments.json { serde_json::to_string(outcome)? } else { text_of(outcome) })?;
    }
    let holds = outcomes.iter().all(Outcome::holds);
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATION) })
}

fn text_of(outcome: &Outcome) -> String {
    let mut text = format!("{}\n", outcome.race);
    for (answer, count) in &outcome.answers {
        text += &format!("  {count:>6} x {answer}\n");
    }
    for check in &outcome.passed {
        text += &format!("  ok      {check}\n");
    }
    for check in &outcome.failed {
        text += &format!("  FAILED  {check}\n");
    }
    text + if outcome.holds() { "  All checks passed." } else { "  Some checks failed." }
}
