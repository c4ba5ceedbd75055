//! A node in its own process, which can be killed.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::plan::Plan;

/// Factor on the rate limits of the contract. All customers come from one address, which would soon reach its limit.
const RATE_FACTOR: &str = "1000";

/// A running node. Dropping the value kills the process.
pub(super) struct NodeProcess {
    child: Child,
    address: SocketAddr,
}

impl NodeProcess {
    /// Starts a node on a free port and waits until it is ready.
    pub(super) async fn start(plan: &Plan) -> anyhow::Result<Self> {
        let mut command = command(plan, "serve");
        command.args(["--listen", "127.0.0.1:0", "--json", "--log", "error"]);
        command.env("PULSE_EDGE__CAPACITY__RATE_FACTOR", RATE_FACTOR);
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let output = child.stdout.take().context("the node has no output")?;
        let mut lines = BufReader::new(output).lines();
        let Some(ready) = lines.next_line().await? else { bail!("the node ended before it was ready") };
        let ready: Value = serde_json::from_str(&ready).context("the node did not print its address as JSON")?;
        let url = ready["url"].as_str().context("the node did not print its address as JSON")?;
        let address = url.trim_start_matches("http://").parse().context("the node printed an invalid address")?;
        Ok(Self { child, address })
    }

    /// Address of the node.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills the process as `kill -9` does, and waits until it has ended.
    pub(super) async fn kill(mut self) -> anyhow::Result<()> {
        self.kill_now().await
    }

    /// As [`NodeProcess::kill`], without consuming the value.
    pub(super) async fn kill_now(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// Runs `pulse verify --repair --exclusive` on the data of the dead node. Returns its report.
pub(super) async fn verify(plan: &Plan) -> anyhow::Result<Value> {
    let output = command(plan, "verify").args(["--repair", "--exclusive", "--json"]).output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(report) = text.lines().last() else {
        bail!("pulse verify printed no report: {}", String::from_utf8_lossy(&output.stderr));
    };
    serde_json::from_str(report).with_context(|| format!("pulse verify printed {text}"))
}

fn command(plan: &Plan, name: &str) -> Command {
    let mut command = Command::new(&plan.program);
    command.arg(name).arg("--data").arg(&plan.data);
    if let Some(store) = &plan.store {
        command.args(["--store", store]);
    }
    command
}
