//! `pulse load-test`.

use std::process::ExitCode;

use anyhow::bail;
use pulse_bench::{Progress, Snapshot};
use pulse_drills::load::{Plan, Report, run};
use tokio::sync::oneshot;

use super::EXIT_VIOLATION;
use super::arguments::LoadTestArguments;
use super::show::print;

pub(super) async fn load_test(arguments: LoadTestArguments) -> anyhow::Result<ExitCode> {
    let (limits, fails_on_errors) = (arguments.fail_above.clone(), arguments.fail_errors);
    let is_json = arguments.json;
    let plan = plan(arguments)?;
    let (stop, stopped) = oneshot::channel();
    let interrupted = tokio::spawn(async move {
        // Without signals, the test runs to its end.
        if tokio::signal::ctrl_c().await.is_ok() {
            drop(stop);
        } else {
            std::future::pending::<()>().await;
        }
    });
    let seconds = plan.duration.as_secs() + 1;
    let progress = Progress::on_stderr("load test", seconds);
    let shown = progress.clone();
    let ran = run(plan, stopped, move |snapshot| {
        shown.step();
        shown.say(live_line(&snapshot));
    });
    let report = ran.await;
    interrupted.abort();
    progress.finish();
    let report = report?;
    print(&if is_json { serde_json::to_string(&report)? } else { text_of(&report) })?;
    let mut failures: Vec<String> =
        limits.iter().filter_map(|limit| limit.exceeded_by(&report.load.visit_ms)).collect();
    if fails_on_errors && report.errors > 0 {
        failures.push(format!("{} visits had an error", report.errors));
    }
    for failure in &failures {
        eprintln!("pulse: {failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATION) })
}

fn plan(arguments: LoadTestArguments) -> anyhow::Result<Plan> {
    if arguments.ramp > arguments.duration {
        bail!("--ramp must not be longer than --duration");
    }
    Ok(Plan {
        url: arguments.url,
        scenario: arguments.scenario,
        rate_per_s: arguments.rate,
        duration: arguments.duration,
        ramp: arguments.ramp,
        is_constant_interval: arguments.constant_interval,
        seed: arguments.seed.unwrap_or_else(rand::random),
        connections: usize::try_from(arguments.connections)?,
        queue_max: usize::try_from(arguments.queue_max)?,
        timeout: arguments.timeout,
        users: arguments.users,
        data: arguments.data,
        token_file: arguments.token_file,
        is_client_ip_spoofed: arguments.spoof_client_ip,
        near: arguments.near,
        shop: arguments.shop,
        sale: arguments.sale,
        units: arguments.units,
    })
}

/// State of the run in one line.
fn live_line(snapshot: &Snapshot) -> String {
    let Snapshot { scheduled_per_s, ended, errors, in_progress, waiting, dropped, p50_ms, p99_ms } = snapshot;
    format!(
        "scheduled {scheduled_per_s:.0}/s, ended {ended}/s, {in_progress} in progress, {waiting} waiting, \
         p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms, {errors} errors/s, {dropped} dropped"
    )
}

fn text_of(report: &Report) -> String {
    let Report { version, machine, settings, load, notes, .. } = report;
    let mut text = load.table();
    for note in notes {
        text += &format!("\n{note}");
    }
    text + &format!("\nseed {}; pulse {version}; load generator on {machine}", settings.seed)
}
