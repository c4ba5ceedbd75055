//! What can be said on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::{Config, Secret};

/// Pulse, the local-commerce engine: everything behind a city-life app in one binary.
#[derive(Debug, Parser)]
#[command(
    name = "pulse",
    version,
    after_help = "Try it:\n  pulse demo                     a living city on http://127.0.0.1:8080\n  pulse serve --data DIR         an empty node that keeps everything in DIR\n  pulse check-config             what is in force, and where each value can be set"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs a node.
    ///
    /// Without any setup it keeps everything in one folder, on an embedded database. With --store it runs on
    /// PostgreSQL or MariaDB. It stops on Ctrl-C or SIGTERM, after finishing what it has begun.
    Serve(Serve),
    /// Starts a living city: generated shops, menus and people, and things that happen.
    ///
    /// The city is the same for the same seed. One-time codes appear at /dev/inbox. Starting again on the same
    /// folder goes on where it was.
    Demo(Demo),
    /// Brings the tables of the database up to date, and exits.
    Migrate(NodeArguments),
    /// Prints the configuration that is in force, passwords masked; fails when it is not valid.
    CheckConfig(CheckConfig),
    /// Prints the OpenAPI 3.1 document of every call.
    Openapi,
    /// Prints the completions for a shell.
    ///
    /// For example: pulse completions bash > /etc/bash_completion.d/pulse
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// What every command that runs a node takes.
#[derive(Args, Clone, Debug)]
pub(super) struct NodeArguments {
    /// A TOML file with the configuration.
    #[arg(long, value_name = "FILE", env = "PULSE_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// The data folder; it is made when it is not there [default: data].
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,
    /// The database: sqlite:PATH, postgres://user:password@host/db or mysql://user:password@host/db
    /// [default: pulse.db in the data folder].
    #[arg(long, value_name = "URL")]
    pub(super) store: Option<String>,
    /// What is logged, for example info or pulse_shop=debug [default: info].
    #[arg(long, value_name = "FILTER")]
    pub(super) log: Option<String>,
}

impl NodeArguments {
    /// The configuration: file, then environment, then these flags.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref(), std::env::vars())?;
        if let Some(data) = &self.data {
            config.node.data.clone_from(data);
        }
        if let Some(listen) = self.listen {
            config.node.listen = listen;
        }
        if let Some(store) = &self.store {
            config.store.url = Secret::new(store);
        }
        if let Some(log) = &self.log {
            config.telemetry.log.clone_from(log);
        }
        Ok(config)
    }
}

#[derive(Args, Debug)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) node: NodeArguments,
    /// Prints the addresses as one line of JSON instead of a banner.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Demo {
    #[command(flatten)]
    pub(super) node: NodeArguments,
    /// The same seed gives the same city.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// How many shops.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) shops: u32,
    /// How many people.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(3..=100_000))]
    pub(super) people: u32,
    /// Nothing happens by itself: the city stands still.
    #[arg(long)]
    pub(super) quiet: bool,
    /// Prints the addresses as one line of JSON instead of a banner.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct CheckConfig {
    #[command(flatten)]
    pub(super) node: NodeArguments,
    /// As JSON instead of TOML.
    #[arg(long)]
    pub(super) json: bool,
}
