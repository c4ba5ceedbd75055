//! `pulse load`: people who come to a running node as a schedule says.

use std::process::ExitCode;

use anyhow::bail;
use pulse_bench::{Glimpse, Progress};
use tokio::sync::oneshot;

use super::arguments::LoadArguments;
use super::show::print;
use crate::load::{Plan, Report, run};

/// The exit code when it was slower or worse than it may be.
const EXIT_BROKEN: u8 = 4;

pub(super) async fn load(arguments: LoadArguments) -> anyhow::Result<ExitCode> {
    let (limits, is_errorless) = (arguments.fail_above.clone(), arguments.fail_errors);
    let is_json = arguments.json;
    let plan = plan(arguments)?;
    let (stop, stopped) = oneshot::channel();
    let interrupted = tokio::spawn(async move {
        // Where signals cannot be had, it ends by itself.
        if tokio::signal::ctrl_c().await.is_ok() {
            drop(stop);
        } else {
            std::future::pending::<()>().await;
        }
    });
    let seconds = plan.duration.as_secs() + 1;
    let progress = Progress::on_stderr("load", seconds);
    let shown = progress.clone();
    let ran = run(plan, stopped, move |glimpse| {
        shown.step();
        shown.say(line(&glimpse));
    });
    let report = ran.await;
    interrupted.abort();
    progress.finish();
    let report = report?;
    print(&if is_json { serde_json::to_string(&report)? } else { told(&report) })?;
    let mut broken: Vec<String> = limits.iter().filter_map(|limit| limit.broken_by(&report.visited.visit_ms)).collect();
    if is_errorless && report.errors > 0 {
        broken.push(format!("{} visitors did not have what is right", report.errors));
    }
    for line in &broken {
        eprintln!("pulse: {line}");
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_BROKEN) })
}

fn plan(arguments: LoadArguments) -> anyhow::Result<Plan> {
    if arguments.ramp > arguments.duration {
        bail!("--ramp is part of --duration and cannot be longer");
    }
    Ok(Plan {
        url: arguments.url,
        scenario: arguments.scenario,
        rate_per_s: arguments.rate,
        duration: arguments.duration,
        ramp: arguments.ramp,
        is_even: arguments.even,
        seed: arguments.seed.unwrap_or_else(rand::random),
        connections: usize::try_from(arguments.connections)?,
        waiting_max: usize::try_from(arguments.waiting)?,
        patience: arguments.patience,
        users: arguments.users,
        data: arguments.data,
        token_file: arguments.token_file,
        is_proxy: arguments.as_proxy,
        near: arguments.near,
        shop: arguments.shop,
        sale: arguments.sale,
        units: arguments.units,
    })
}

/// How it goes, in one line.
fn line(glimpse: &Glimpse) -> String {
    let Glimpse { wanted_per_s, ended, errors, under_way, waiting, dropped, p50_ms, p99_ms } = glimpse;
    format!(
        "wanted {wanted_per_s:.0}/s, ended {ended}/s, {under_way} under way, {waiting} wait, p50 {p50_ms:.1} ms, \
         p99 {p99_ms:.1} ms, {errors} errors/s, {dropped} dropped"
    )
}

fn told(report: &Report) -> String {
    let Report { version, machine, settings, visited, notes, .. } = report;
    let mut text = visited.table();
    for note in notes {
        text += &format!("\n{note}");
    }
    text + &format!("\nseed {}; pulse {version}; generator on {machine}", settings.seed)
}
