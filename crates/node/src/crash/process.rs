//! The node as a process of its own, so that it can be killed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How many times as much as in the contract one address may ask for.
const RATE_FACTOR: &str = "1000";

/// A running node. Dropping it kills it.
pub(super) struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Starts a node on a free port and waits until it is ready.
    pub(super) async fn start(data: &Path, store: Option<&str>) -> anyhow::Result<Self> {
        let mut command = command("serve", data, store)?;
        command.args(["--listen", "127.0.0.1:0", "--json", "--log", "error"]);
        // All customers come from one address, which could soon ask for nothing more.
        command.env("PULSE_EDGE__CAPACITY__RATE_FACTOR", RATE_FACTOR);
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let output = child.stdout.take().context("the node has an output")?;
        let mut lines = BufReader::new(output).lines();
        let Some(ready) = lines.next_line().await? else { bail!("the node ended before it was ready") };
        let ready: Value = serde_json::from_str(&ready).context("the node says where it listens")?;
        let url = ready["url"].as_str().context("the node says where it listens")?;
        let address = url.trim_start_matches("http://").parse().context("the node listens at an address")?;
        Ok(Self { child, address })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it on the spot, as `kill -9` does, and waits until it is gone.
    pub(super) async fn kill(mut self) -> anyhow::Result<()> {
        self.kill_now().await
    }

    /// As [`Process::kill`], for one that stays in its place.
    pub(super) async fn kill_now(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// What `pulse verify --repair --alone` says of a folder on which no node runs.
pub(super) async fn verify(data: &Path, store: Option<&str>) -> anyhow::Result<Value> {
    let output = command("verify", data, store)?.args(["--repair", "--alone", "--json"]).output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(report) = text.lines().last() else {
        bail!("pulse verify said nothing: {}", String::from_utf8_lossy(&output.stderr));
    };
    serde_json::from_str(report).with_context(|| format!("pulse verify said {text}"))
}

fn command(name: &str, data: &Path, store: Option<&str>) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(name).arg("--data").arg(data);
    if let Some(store) = store {
        command.args(["--store", store]);
    }
    Ok(command)
}
