//! `pulse import`.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pulse_drills::process_memory;
use pulse_node::config::SecretUrl;
use pulse_node::transfer::import::{Job, import};
use pulse_node::transfer::report::Report;
use pulse_node::{Config, Node, NodeOptions};
use pulse_store::{Statement, values};

use super::arguments::{ImportShops, require_folder};
use super::show::print;

/// Exit code of an import that read the whole file and refused some rows.
const EXIT_REFUSED: u8 = 3;

/// `pulse import shops`.
pub(super) async fn shops(arguments: ImportShops) -> anyhow::Result<ExitCode> {
    let config = arguments.node.quiet_config()?;
    require_folder(&config)?;
    let telemetry = pulse_telemetry::init(&config.telemetry.telemetry())?;
    let node = Node::start(&config, NodeOptions::for_command()).await?;
    let begun = Instant::now();
    let outcome = import_file(&node, &arguments, &config).await;
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
        text["memory_peak_bytes"] = serde_json::to_value(process_memory::peak("self"))?;
        print(&text.to_string())?;
    } else {
        print(&text_of(&report, rows_per_s))?;
    }
    Ok(if report.refused_count == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}

async fn import_file(node: &Node, arguments: &ImportShops, config: &Config) -> anyhow::Result<Report> {
    let created_at = created_at(node).await?;
    let job = job(arguments, config, created_at);
    import(&node.shops().shops, &node.clock, job, &config.node.data, &bar()).await
}

/// Creation time of the shop tables. It distinguishes the database from a later one with the same URL, which lacks the rows
/// before a checkpoint.
async fn created_at(node: &Node) -> anyhow::Result<i64> {
    let store = node.store("shop").context("a node has shops")?;
    let text = "SELECT applied_at FROM shop_migrations WHERE part = ? AND version = ?";
    let (created_at,): (i64,) = store.one(Statement::new(text, values!["store", 1_i64])).await?;
    Ok(created_at)
}

fn shop_url(config: &Config) -> &SecretUrl {
    config.store.urls.get("shop").unwrap_or(&config.store.url)
}

fn job(arguments: &ImportShops, config: &Config, created_at: i64) -> Job {
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
        store: format!("{} {created_at}", shop_url(config).masked()),
    }
}

/// A progress bar on stderr; hidden if stderr is not a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {bytes}/{total_bytes} {elapsed} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn text_of(report: &Report, rows_per_s: u128) -> String {
    let Report { read_count, created_count, updated_count, unchanged_count, refused_count, .. } = report;
    let mut text = format!(
        "{read_count} rows read, {rows_per_s} per second: {created_count} created, {updated_count} updated, {unchanged_count} unchanged, {refused_count} refused."
    );
    if report.resumed_after_count > 0 {
        text += &format!("\nContinued an interrupted import after row {}.", report.resumed_after_count);
    }
    for refused in &report.refused {
        let place = place(refused.line, refused.feature);
        text += &format!("\n  {place}: {} {}", refused.reason, refused.external_id);
    }
    let shown = u64::try_from(report.refused.len()).unwrap_or(u64::MAX);
    if *refused_count > shown {
        text += &format!("\n  and {} more; use --refused FILE to write all of them", refused_count - shown);
    }
    if report.notice_count > 0 {
        text += &format!("\n{} imported rows have a value without effect:", report.notice_count);
    }
    for notice in &report.notices {
        text += &format!("\n  {}: {} {}", place(notice.line, notice.feature), notice.text, notice.external_id);
    }
    text
}

/// `line 3`, or `line 1, feature 7` in a JSON file, which may have one line only.
fn place(line: u64, feature: Option<u64>) -> String {
    match feature {
        Some(feature) => format!("line {line}, feature {feature}"),
        None => format!("line {line}"),
    }
}
