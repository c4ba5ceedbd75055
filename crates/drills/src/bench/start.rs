//! Time from process start to readiness on an empty folder, and the memory of an idle node.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use pulse_bench::{Outcome, Progress, alternate};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::figure::Figure;
use super::plan::{BenchPlan, path_text};
use crate::process_memory;

/// Number of pairs of rounds.
const ROUNDS: usize = 9;
/// Idle time of a node before its memory is read.
const IDLE: Duration = Duration::from_secs(1);

pub(super) async fn run(plan: &BenchPlan) -> anyhow::Result<Figure> {
    let progress = Progress::on_stderr("start", 18);
    let mut memory = 0;
    let rounds = alternate(
        ROUNDS,
        &progress,
        async |round| {
            let (outcome, idle) = start(plan, round + 1 == ROUNDS).await?;
            memory = idle.unwrap_or(memory);
            anyhow::Ok(outcome)
        },
        async |_round| print_version(plan).await,
    )
    .await?;
    progress.finish();
    let latency = rounds.subject_as_one();
    let measured = rounds.measurement("start", "a process that prints its version and ends", 1, &latency);
    Ok(Figure::from(measured).with("idle_memory_bytes", memory))
}

fn program(plan: &BenchPlan) -> Command {
    let mut command = Command::new(&plan.program);
    command.kill_on_drop(true).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts a node and measures the time until it prints its address; reads its memory when `is_idling`.
async fn start(plan: &BenchPlan, is_idling: bool) -> anyhow::Result<(Outcome, Option<u64>)> {
    let folder = plan.temporary_folder()?;
    let begun = Instant::now();
    let mut node = program(plan)
        .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data", &path_text(&folder.path().join("data"))])
        .stdout(Stdio::piped())
        .spawn()?;
    let output = node.stdout.take().context("the node has no output")?;
    let line = BufReader::new(output).lines().next_line().await?;
    let elapsed = begun.elapsed();
    anyhow::ensure!(line.is_some_and(|line| line.contains("\"url\"")), "the node did not start");
    let mut memory = None;
    if is_idling {
        tokio::time::sleep(IDLE).await;
        memory = node.id().and_then(|id| process_memory::current(&id.to_string()));
    }
    node.kill().await?;
    Ok((Outcome::of_job(1, elapsed), memory))
}

async fn print_version(plan: &BenchPlan) -> anyhow::Result<Outcome> {
    let begun = Instant::now();
    let status = program(plan).arg("--version").stdout(Stdio::null()).status().await?;
    anyhow::ensure!(status.success(), "the version could not be printed");
    Ok(Outcome::of_job(1, begun.elapsed()))
}
