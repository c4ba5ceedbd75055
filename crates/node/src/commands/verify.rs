//! `pulse verify`: what the journals say about what there is.

use std::process::ExitCode;

use super::arguments::Verify;
use super::show::print;
use crate::node::{Node, NodeOptions};
use crate::verify::{Repair, Report, verify as look};

/// The exit code when something does not hold.
const EXIT_BROKEN: u8 = 4;

pub(super) async fn verify(arguments: Verify) -> anyhow::Result<ExitCode> {
    let config = arguments.node.quiet_config()?;
    let telemetry = pulse_telemetry::init(&config.telemetry.telemetry())?;
    let node = Node::start(&config, NodeOptions::for_command()).await?;
    let repair = match (arguments.repair, arguments.alone) {
        (false, _) => Repair::Nothing,
        (true, false) => Repair::BesideOthers,
        (true, true) => Repair::Alone,
    };
    let report = look(&node, repair).await;
    node.stop().await;
    telemetry.shutdown().await;
    let report = report?;
    print(&if arguments.json { serde_json::to_string(&report)? } else { told(&report) })?;
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_BROKEN) })
}

fn told(report: &Report) -> String {
    let mut text = String::new();
    for (invariant, count) in &report.checked {
        let broken = report.findings.iter().filter(|finding| finding.invariant == *invariant).count();
        let word = if broken == 0 { "ok     " } else { "BROKEN " };
        text += &format!("  {word} {invariant:<40} {count:>12} checked\n");
    }
    for finding in &report.findings {
        let repaired = if finding.is_repaired { " (repaired)" } else { "" };
        text += &format!("  {}: {}: {}{repaired}\n", finding.invariant, finding.subject, finding.detail);
    }
    text + if report.holds() { "  Everything holds." } else { "  Not everything holds." }
}
