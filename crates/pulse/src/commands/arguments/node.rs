//! Arguments of the commands that run a node or open its data.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use pulse_node::Config;
use pulse_node::config::SecretUrl;

/// Arguments of every command that starts a node or opens its data.
#[derive(Args, Clone, Debug)]
pub(in crate::commands) struct NodeArguments {
    /// Configuration file in TOML.
    #[arg(long, value_name = "FILE", env = "PULSE_CONFIG", hide_env_values = true)]
    pub(in crate::commands) config: Option<PathBuf>,
    /// Data folder; serve and demo create it if it does not exist [default: data].
    #[arg(long, value_name = "DIR")]
    pub(in crate::commands) data: Option<PathBuf>,
    /// Address of the node; port 0 selects a free port [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub(in crate::commands) listen: Option<SocketAddr>,
    /// Database URL: sqlite:PATH, postgres://user:password@host/db or mysql://user:password@host/db [default: pulse.db in
    /// the data folder].
    #[arg(long, value_name = "URL")]
    pub(in crate::commands) store: Option<String>,
    /// Log filter, for example info or pulse_shop=debug [default: info; warn for commands that run once].
    #[arg(long, value_name = "FILTER")]
    pub(in crate::commands) log: Option<String>,
}

/// File of the embedded database; `None` for a database server.
fn embedded_file(config: &Config) -> Option<PathBuf> {
    match config.store.url.expose() {
        "" => Some(config.node.data.join("pulse.db")),
        url => url.strip_prefix("sqlite:").map(|path| PathBuf::from(path.split('?').next().unwrap_or(path))),
    }
}

/// Refuses a data folder that does not exist, unless a database server has the data. Only `serve` and `demo` create folders.
pub(in crate::commands) fn require_folder(config: &Config) -> anyhow::Result<()> {
    let folder = &config.node.data;
    if embedded_file(config).is_some() && !folder.is_dir() {
        bail!("the data folder {} does not exist; set --data to the data folder of the node", folder.display());
    }
    Ok(())
}

/// Refuses a data folder without data, unless a database server has the data.
pub(in crate::commands) fn require_data(config: &Config) -> anyhow::Result<()> {
    require_folder(config)?;
    match embedded_file(config) {
        Some(file) if !file.is_file() => {
            bail!("there is no data at {}; set --data to the data folder of the node", file.display())
        }
        Some(_) | None => Ok(()),
    }
}

/// Environment variables with valid UTF-8.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

impl NodeArguments {
    /// The configuration: file, then environment, then these flags.
    pub(in crate::commands) fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref(), environment())?;
        if let Some(data) = &self.data {
            config.node.data.clone_from(data);
        }
        if let Some(listen) = self.listen {
            config.node.listen = listen;
        }
        if let Some(store) = &self.store {
            config.store.url = SecretUrl::new(store);
        }
        if let Some(log) = &self.log {
            config.telemetry.log.clone_from(log);
        }
        Ok(config)
    }

    /// The configuration of a command that ends after one task: logs warnings only, unless a log filter is set.
    pub(in crate::commands) fn quiet_config(&self) -> anyhow::Result<Config> {
        let mut config = self.config()?;
        if self.log.is_none() && config.telemetry.log == Config::default().telemetry.log {
            "warn".clone_into(&mut config.telemetry.log);
        }
        Ok(config)
    }
}

/// Run a node.
///
/// Without configuration, the node stores everything in one folder, in an embedded SQLite database. With --store it uses
/// PostgreSQL or MariaDB. Ctrl-C or SIGTERM stops it after the requests in progress.
///
/// Configuration order: TOML file, environment variables (PULSE_STORE__URL sets store.url), flags. Unknown keys are errors.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pulse serve --data /var/lib/pulse --listen 0.0.0.0:8080
  pulse serve --config pulse.toml --store postgres://pulse:secret@db/pulse")]
pub(in crate::commands) struct Serve {
    #[command(flatten)]
    pub(in crate::commands) node: NodeArguments,
    /// Print the address of the node as one JSON object instead of a banner.
    #[arg(long)]
    pub(in crate::commands) json: bool,
}

/// Serve a generated city with simulated people.
///
/// The city has shops, menus and accounts; people search, order, pay and collect. Equal seeds give equal cities. One-time
/// codes for signing in are at /dev/inbox. The default data folder is data/demo; a restart on the same folder continues
/// with its city.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pulse demo
  pulse demo --shops 100000 --people 1000 --data /tmp/city
  pulse demo --quiet --json")]
pub(in crate::commands) struct Demo {
    #[command(flatten)]
    pub(in crate::commands) node: NodeArguments,
    /// Seed of the city.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(in crate::commands) seed: u64,
    /// Number of shops, 1 to 1000000.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::commands) shops: u32,
    /// Number of people, 3 to 100000.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(3..=100_000))]
    pub(in crate::commands) people: u32,
    /// Create the city without simulating its people.
    #[arg(long)]
    pub(in crate::commands) quiet: bool,
    /// Print the address of the node as one JSON object instead of a banner.
    #[arg(long)]
    pub(in crate::commands) json: bool,
}

/// Verify the stored data against its journals: stock, coupons, orders, payments, events.
///
/// Reads every table in pages and compares: quantities with journals, reservations with their owners, coupons with orders,
/// orders with payments, payments with the ledger, events with their consumers. On the embedded database, stop the node
/// first. On a database server other nodes may run; changes during the run may be reported as findings.
///
/// Exit codes: 0 no findings, or all repaired; 4 findings left; 1 the data could not be read; 2 invalid arguments.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pulse verify --data /var/lib/pulse
  pulse verify --repair --json
  pulse verify --repair --exclusive --store postgres://pulse:secret@db/pulse")]
pub(in crate::commands) struct Verify {
    #[command(flatten)]
    pub(in crate::commands) node: NodeArguments,
    /// Repair findings where this takes nothing away from a customer or merchant.
    #[arg(long)]
    pub(in crate::commands) repair: bool,
    /// Assert that no other node uses the database. Interrupted operations are then rolled back immediately, instead of
    /// at their deadline. Always true for the embedded database.
    #[arg(long, requires = "repair")]
    pub(in crate::commands) exclusive: bool,
    /// Print the report as one JSON object.
    #[arg(long)]
    pub(in crate::commands) json: bool,
}

/// Apply all pending database migrations, and exit.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pulse migrate --store postgres://pulse:secret@db/pulse")]
pub(in crate::commands) struct Migrate {
    #[command(flatten)]
    pub(in crate::commands) node: NodeArguments,
}

/// Validate the configuration and print the values in force, with masked secrets.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pulse check-config
  pulse check-config --config pulse.toml --json")]
pub(in crate::commands) struct CheckConfig {
    #[command(flatten)]
    pub(in crate::commands) node: NodeArguments,
    /// Print JSON instead of TOML.
    #[arg(long)]
    pub(in crate::commands) json: bool,
}
