//! `pulse verify`.

use std::process::ExitCode;

use pulse_node::verify::{Repair, Report, verify as verify_node};
use pulse_node::{Node, NodeOptions};

use super::EXIT_VIOLATION;
use super::arguments::Verify;
use super::show::print;

pub(super) async fn verify(arguments: Verify) -> anyhow::Result<ExitCode> {
    let config = arguments.node.quiet_config()?;
    super::arguments::require_data(&config)?;
    let telemetry = pulse_telemetry::init(&config.telemetry.telemetry())?;
    let node = Node::start(&config, NodeOptions::for_command()).await?;
    let repair = match (arguments.repair, arguments.exclusive) {
        (false, _) => Repair::Nothing,
        (true, false) => Repair::BesideOthers,
        (true, true) => Repair::Exclusive,
    };
    let report = verify_node(node.verify_targets(), &node.bus, repair).await;
    node.stop().await;
    telemetry.shutdown().await;
    let report = report?;
    print(&if arguments.json { serde_json::to_string(&report)? } else { text_of(&report) })?;
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATION) })
}

fn text_of(report: &Report) -> String {
    let mut text = String::new();
    for (invariant, count) in &report.checked {
        let violations = report.findings.iter().filter(|finding| finding.invariant == *invariant).count();
        let word = if violations == 0 { "ok       " } else { "VIOLATED " };
        text += &format!("  {word} {invariant:<40} {count:>12} checked\n");
    }
    for finding in &report.findings {
        let repaired = if finding.is_repaired { " (repaired)" } else { "" };
        text += &format!("  {}: {}: {}{repaired}\n", finding.invariant, finding.subject, finding.detail);
    }
    text + if report.holds() { "  All invariants hold." } else { "  Some invariants are violated." }
}
