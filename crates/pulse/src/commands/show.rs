//! Commands that print something and end.

use std::io::Write;

use clap::CommandFactory;
use pulse_node::{Node, NodeOptions};

use super::arguments::{Arguments, CheckConfig, Completions, Migrate, require_folder};

/// Prints the configuration in force.
pub(super) fn check_config(check: &CheckConfig) -> anyhow::Result<()> {
    let config = check.node.config()?;
    if let Some(warning) = config.codes.warning().filter(|_| !config.node.has_dev_inbox) {
        eprintln!("warning: {warning}");
    }
    let text = if check.json { serde_json::to_string_pretty(&config)? } else { toml::to_string_pretty(&config)? };
    print(text.trim_end())
}

/// Prints the OpenAPI document.
pub(super) fn openapi() -> anyhow::Result<()> {
    print(pulse_contract::OPENAPI)
}

/// Prints the completion script of a shell.
pub(super) fn completions(completions: &Completions) -> anyhow::Result<()> {
    // The generator panics when its output is closed, as by `head`.
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Arguments::command(), "pulse", &mut script);
    print(String::from_utf8(script)?.trim_end())
}

/// Applies the pending migrations.
pub(super) async fn migrate(arguments: Migrate) -> anyhow::Result<()> {
    let config = arguments.node.config()?;
    require_folder(&config)?;
    // Starting a node applies the migrations of every context.
    let node = Node::start(&config, NodeOptions::for_command()).await?;
    node.stop().await;
    print("The database is up to date.")
}

/// Prints to standard output. A closed pipe, as of `head`, is not an error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}
