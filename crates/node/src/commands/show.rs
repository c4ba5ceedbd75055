//! Commands that print something and end.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use super::arguments::{Arguments, CheckConfig, NodeArguments};
use crate::node::{Node, NodeOptions};

/// Prints the configuration that is in force.
pub(super) fn check_config(check: &CheckConfig) -> anyhow::Result<()> {
    let config = check.node.config()?;
    let text = if check.json { serde_json::to_string_pretty(&config)? } else { toml::to_string_pretty(&config)? };
    print(text.trim_end())
}

/// Prints the document of every call.
pub(super) fn openapi() -> anyhow::Result<()> {
    print(pulse_contract::OPENAPI)
}

/// Prints the completions for a shell.
pub(super) fn completions(shell: Shell) -> anyhow::Result<()> {
    clap_complete::generate(shell, &mut Arguments::command(), "pulse", &mut std::io::stdout());
    Ok(())
}

/// Brings the tables up to date.
pub(super) async fn migrate(arguments: NodeArguments) -> anyhow::Result<()> {
    let config = arguments.config()?;
    // Starting applies the migrations of every context; nothing is served.
    let node = Node::start(&config, NodeOptions::for_command()).await?;
    node.stop().await;
    print("The tables are up to date.")
}

/// Prints to standard output. A reader that has gone away, as `head` does, is no failure.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}
