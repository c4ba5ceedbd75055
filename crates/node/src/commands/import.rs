//! `pulse import`: shops from a file.

use std::process::ExitCode;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use anyhow::Context;
use pulse_store::{Statement, values};

use super::arguments::ImportShops;
use super::show::print;
use crate::Config;
use crate::config::Secret;
use crate::node::{Node, NodeOptions};
use crate::transfer::import::{Job, Report, import};

/// The exit code of an import that read everything and refused some of it.
const EXIT_REFUSED: u8 = 3;

/// `pulse import shops`.
pub(super) async fn shops(arguments: ImportShops) -> anyhow::Result<ExitCode> {
    let config = arguments.node.quiet_config()?;
    let telemetry = pulse_telemetry::init(&config.telemetry.telemetry())?;
    let node = Node::start(&config, NodeOptions::for_command()).await?;
    let begun = Instant::now();
    let outcome = take_in(&node, &arguments, &config).await;
    let elapsed = begun.elapsed();
    node.stop().await;
    telemetry.shutdown().await;
    let report = outcome?;
    let elapsed_ms = elapsed.as_millis().max(1);
    let rows = u128::from(report.read_count - report.resumed_after_count);
    let rows_per_s = (rows * 1_000).div_euclid(elapsed_ms);
    if arguments.json {
        let mut text = serde_json::to_value(&report)?;
        text["elapsed_ms"] = serde_json::to_value(elapsed_ms)?;
        text["rows_per_s"] = serde_json::to_value(rows_per_s)?;
        text["memory_peak_bytes"] = serde_json::to_value(super::process::memory_peak("self"))?;
        print(&text.to_string())?;
    } else {
        print(&told(&report, rows_per_s))?;
    }
    Ok(if report.refused_count == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}

async fn take_in(node: &Node, arguments: &ImportShops, config: &Config) -> anyhow::Result<Report> {
    let made_at = made_at(node).await?;
    let job = job(arguments, config, made_at);
    import(&node.shops().shops, &node.clock, job, &config.node.data, &bar()).await
}

/// When the tables of shops were made: another database in the place of a deleted one has none of the rows that a
/// checkpoint counts on.
async fn made_at(node: &Node) -> anyhow::Result<i64> {
    let store = node.store("shop").context("a node has shops")?;
    let text = "SELECT applied_at FROM shop_migrations WHERE part = ? AND version = ?";
    let (made_at,): (i64,) = store.one(Statement::new(text, values!["store", 1_i64])).await?;
    Ok(made_at)
}

fn shop_url(config: &Config) -> &Secret {
    config.store.urls.get("shop").unwrap_or(&config.store.url)
}

fn job(arguments: &ImportShops, config: &Config, made_at: i64) -> Job {
    let read = pulse_exchange::ReadOptions {
        format: arguments.format,
        columns: arguments.map.clone(),
        delimiter: arguments.delimiter,
    };
    Job {
        file: arguments.file.clone(),
        read,
        source: arguments.source.clone(),
        time_zone: arguments.time_zone.clone().unwrap_or_default(),
        refused: arguments.refused.clone(),
        is_restart: arguments.restart,
        store: format!("{} {made_at}", shop_url(config).masked()),
    }
}

/// On stderr, and only where somebody can see it.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {bytes}/{total_bytes} {elapsed} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn told(report: &Report, rows_per_s: u128) -> String {
    let Report { read_count, created_count, updated_count, unchanged_count, refused_count, .. } = report;
    let mut text = format!(
        "{read_count} rows read, {rows_per_s} per second: {created_count} new, {updated_count} changed, {unchanged_count} as they were, {refused_count} refused."
    );
    if report.resumed_after_count > 0 {
        text += &format!("\nWent on after row {} of an import that was broken off.", report.resumed_after_count);
    }
    for refused in &report.refused {
        text += &format!("\n  line {}: {} {}", refused.line, refused.reason, refused.external_id);
    }
    let shown = u64::try_from(report.refused.len()).unwrap_or(u64::MAX);
    if *refused_count > shown {
        text += &format!("\n  and {} more; --refused FILE writes all of them", refused_count - shown);
    }
    text
}
