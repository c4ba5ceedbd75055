//! What can be said on the command line.

mod load;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use pulse_exchange::{ColumnMapping, Format};

use crate::config::{Config, Secret};
use crate::race::Race;
pub(super) use load::LoadArguments;

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
    /// Takes in data from files.
    #[command(subcommand)]
    Import(Import),
    /// Writes data into files.
    #[command(subcommand)]
    Export(Export),
    /// Measures this machine, each time against a reference in the same run.
    Bench(Bench),
    /// Proves from the journals that nothing was created and nothing lost: stock, coupons, orders, payments, events.
    Verify(Verify),
    /// Fires known races at a running node and tells what came of them.
    Race(RaceArguments),
    /// Lets people come to a running node as a schedule says, and measures what they have of it.
    Load(Box<LoadArguments>),
    /// Kills a node of its own again and again under load, and proves that nothing is lost.
    Crash(CrashArguments),
    /// Does what no call can do: the first operator, new signing keys.
    #[command(subcommand)]
    Admin(Admin),
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

/// The variables of the environment that are text.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

impl NodeArguments {
    /// The configuration: file, then environment, then these flags.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref(), environment())?;
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

    /// The configuration of a command that does one thing and ends: only warnings are logged unless something else was
    /// asked for.
    pub(super) fn quiet_config(&self) -> anyhow::Result<Config> {
        let mut config = self.config()?;
        if self.log.is_none() && config.telemetry.log == Config::default().telemetry.log {
            "warn".clone_into(&mut config.telemetry.log);
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

#[derive(Debug, Subcommand)]
pub(super) enum Import {
    /// Takes in the shops of a file.
    ///
    /// Formats: a GeoJSON FeatureCollection with OpenStreetMap's tags, GeoJSON lines, what the Overpass API answers,
    /// CSV with a header, and JSON lines in the shape of the Yelp open data set. The format is found out.
    ///
    /// A shop that came before under the same external id is replaced, so importing a file twice changes nothing. A row
    /// that is no shop is refused with its line and the reason, and the others go on. An import that was broken off
    /// goes on where it was when it is started again. Of rows with the same id the later one wins; within a batch of 500
    /// the later one is refused. No node may run on the data folder meanwhile.
    ///
    /// Exit codes: 0 everything was taken in, 3 rows were refused, 1 the import failed, 2 the command line is wrong.
    #[command(
        after_help = "Examples:\n  pulse import shops eateries.geojson --time-zone Europe/London\n  pulse import shops list.csv --map name=Title,latitude=Y,longitude=X --source register\n  pulse import shops business.jsonl --refused refused.jsonl --json"
    )]
    Shops(ImportShops),
}

#[derive(Args, Debug)]
pub(super) struct ImportShops {
    /// The file; - for standard input.
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) node: NodeArguments,
    /// The format, where it cannot be found out: geojson, geojson-lines, overpass, csv or jsonl.
    #[arg(long, value_parser = format)]
    pub(super) format: Option<Format>,
    /// Which columns of a CSV file are which fields, where their headers do not say it: name=Title,phone=Tel.
    #[arg(long, value_name = "FIELD=HEADER", value_delimiter = ',', value_parser = mapping)]
    pub(super) map: Vec<ColumnMapping>,
    /// What separates the cells of a CSV file, where it cannot be found out.
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub(super) delimiter: Option<u8>,
    /// What ids begin with that do not name their source: row 17 of --source register is register:17 [default: csv,
    /// geojson or json].
    #[arg(long, value_name = "NAME")]
    pub(super) source: Option<String>,
    /// The zone of the opening hours, an IANA name such as Europe/London [default: shop.time_zone of the
    /// configuration].
    #[arg(long, value_name = "ZONE")]
    pub(super) time_zone: Option<String>,
    /// Writes every refused row there, a JSON object per line.
    #[arg(long, value_name = "FILE")]
    pub(super) refused: Option<PathBuf>,
    /// Begins anew, also when an earlier import of this file was broken off.
    #[arg(long)]
    pub(super) restart: bool,
    /// Prints the report as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Export {
    /// Writes the shops into a file from which they can be imported again.
    ///
    /// Every shop that is or was open to the public, in the order in which they came; applications that wait for an
    /// operator are not shops yet. No node may run on the data folder meanwhile.
    Shops(ExportShops),
}

#[derive(Args, Debug)]
pub(super) struct ExportShops {
    /// The file, which appears when it is complete; - for standard output.
    #[arg(default_value = "-")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) node: NodeArguments,
    /// The format: geojson, geojson-lines, csv or jsonl [default: by the name of the file, otherwise geojson].
    #[arg(long, value_parser = format)]
    pub(super) format: Option<Format>,
}

fn format(text: &str) -> Result<Format, String> {
    let name = if text == "jsonl" { "json-lines" } else { text };
    name.parse().map_err(|_unknown| "one of geojson, geojson-lines, overpass, csv, jsonl".to_owned())
}

fn mapping(text: &str) -> Result<ColumnMapping, String> {
    text.parse().map_err(|_not_one| {
        "FIELD=HEADER with a field such as id, name, latitude, longitude, categories, phone, address, hours".to_owned()
    })
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("one character, or tab".to_owned()),
    }
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum BenchName {
    /// Everything below, one after the other.
    All,
    /// An authenticated, rate-limited, traced GET of one cached shop, against a constant route of the same server.
    Edge,
    /// What is nearby, 20 results within 5 km with filters, against a constant route, as the number of shops grows.
    Nearby,
    /// Many commits at the same time, each flushed, against one transaction each.
    GroupCommit,
    /// The rows per second of `pulse import shops`, against plain inserts.
    Import,
    /// From the start of the process to the first answer, on an empty folder.
    Start,
    /// Reserving one unit of the same variant again and again, against one transaction each.
    HotSku,
    /// Placing orders of 1, 10 and 100 lines, against one plain INSERT per request and a constant route.
    Checkout,
    /// Making orders of those whom a flash sale has admitted, against plain inserts of the same rows.
    FlashSaleDrain,
    /// Admissions to a flash sale, each by another buyer and on disk before it is answered, against a constant route.
    FlashSale,
    /// Refusals after a flash sale is sold out, against a constant route.
    FlashSaleRefused,
    /// Admitting buyers of a flash sale in Redis, against bare pipelines of the same script; needs --redis.
    FlashSaleRedis,
    /// Ten million buyers of one sale in memory: bytes and time of each, against one hash map.
    FlashSaleMemory,
}

/// Measures this machine, each time against a reference in the same run.
///
/// Subject and reference run in turn, so that a machine that is slow for a while is slow for both: the ratio is what
/// counts. Percentiles come from an open loop at 70 % of the measured rate, and include the time that requests waited
/// because the server was behind. docs/performance.md says what each name measures, and what came out.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pulse bench all\n  pulse bench nearby --shops 100000\n  pulse bench group-commit --flush-delay 1ms --json"
)]
pub(super) struct Bench {
    /// What to measure.
    #[arg(value_enum)]
    pub(super) name: BenchName,
    /// One JSON object per measurement and line.
    #[arg(long)]
    pub(super) json: bool,
    /// nearby: with so many shops only [default: 10000, then 100000, then 1000000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    pub(super) shops: Option<u32>,
    /// import: so many rows.
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    pub(super) rows: u32,
    /// flash-sale, flash-sale-refused, flash-sale-memory: so many people come, each with a token and a ticket of their own
    /// [default: 1500000, 200000 who are refused, 10000000 in memory].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(super) buyers: Option<u32>,
    /// flash-sale: people come in no order, so that their rows go all over the table; otherwise in the order in which
    /// they signed up.
    #[arg(long)]
    pub(super) shuffled: bool,
    /// checkout: so many orders were placed before.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub(super) orders: u32,
    /// flash-sale-drain: so many were admitted.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    pub(super) admissions: u32,
    /// flash-sale-drain: so many become orders with one call.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(super) batch: u32,
    /// edge, nearby, hot-sku, checkout, flash-sale-drain: on this database instead of an embedded one; it should be empty.
    #[arg(long, value_name = "URL")]
    pub(super) store: Option<String>,
    /// flash-sale-redis: on this Redis; sales that run there are not touched, but are slower meanwhile.
    #[arg(long, value_name = "URL")]
    pub(super) redis: Option<String>,
    /// edge, nearby, hot-sku, checkout: so many connections.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(super) connections: u32,
    /// Pairs of rounds; odd, so that the median is a round that ran.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(super) rounds: u32,
    /// group-commit, checkout: with a disk that is so much slower at each flush, for example 1ms [default: once as it is, once
    /// with 1ms].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) flush_delay: Option<Duration>,
    /// The folder in which databases are made and removed again; the disk below it is what is measured [default: the
    /// system's temporary folder].
    #[arg(long, value_name = "DIR")]
    pub(super) folder: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// Proves from the journals that nothing was created and nothing lost.
///
/// Reads every table page by page and compares: journals with quantities, reservations with their owners, coupons with
/// the orders that have them, orders with their payments, payments with the ledger, events with their consumers. On the
/// embedded database no node may run on the folder meanwhile; on a server others may go on working, and what they do in
/// the same moment may be told as a finding.
///
/// Exit codes: 0 everything holds, or was repaired; 4 something does not hold; 1 it could not be looked at.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  pulse verify --data /var/lib/pulse\n  pulse verify --repair --json")]
pub(super) struct Verify {
    #[command(flatten)]
    pub(super) node: NodeArguments,
    /// Puts right what can be put right without taking anything from anybody.
    #[arg(long)]
    pub(super) repair: bool,
    /// No other node works on the database: what was under way when the last one ended is given back at once, and not at
    /// its deadline. An embedded database has no other.
    #[arg(long, requires = "repair")]
    pub(super) alone: bool,
    /// Prints the report as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// Fires known races at a running node and tells what came of them.
///
/// The race opens a shop of its own with customers of its own on the node that listens at --listen; it signs their tokens
/// with the keys in --data, so it runs where the node runs. Everybody prepares first; then all press the button at
/// the same moment. The races of payments need the sandbox: `pulse demo` has it, and `payment.has_sandbox`.
///
/// Exit codes: 0 it holds, 4 something happened that should not, 1 the race could not be run.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  pulse race checkout --parallel 200 --data data/demo\n  pulse race coupon --parallel 30 --single-packet --data data/demo\n  pulse race pay --parallel 50 --data data/demo\n  pulse race sale --parallel 30 --single-packet --data data/demo"
)]
pub(super) struct RaceArguments {
    /// Which race.
    #[arg(value_enum)]
    pub(super) race: Race,
    #[command(flatten)]
    pub(super) node: NodeArguments,
    /// How many press the button.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=2_000))]
    pub(super) parallel: u32,
    /// All requests leave in one packet, as streams of one connection.
    #[arg(long)]
    pub(super) single_packet: bool,
    /// One JSON object per race.
    #[arg(long)]
    pub(super) json: bool,
}

/// Kills a node of its own again and again under load, and proves that nothing is lost.
///
/// A node starts on an empty folder; customers place and cancel orders until it is killed at a random moment, as `kill -9`
/// does. Its books are proven, it starts again, and what was not answered is repeated under the same key. In the
/// end what customers were told must be what the stock says.
///
/// Exit codes: 0 nothing was lost, 4 something was, 1 it could not be run.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  pulse crash --rounds 300\n  pulse crash --rounds 20 --seed 7 --json")]
pub(super) struct CrashArguments {
    /// A flash sale instead of orders: everybody who is told that they are admitted stays so, the sum is exact, and when
    /// they have cancelled every unit can be sold again.
    #[arg(long)]
    pub(super) sale: bool,
    /// How often the node is killed.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) rounds: u32,
    /// How many customers call at the same time.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(super) customers: u32,
    /// Decides about the moments of the kills [default: another one each time].
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// The folder in which the node's folder is made and removed again [default: the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    pub(super) folder: Option<PathBuf>,
    /// The database, which should be empty [default: an embedded one].
    #[arg(long, value_name = "URL")]
    pub(super) store: Option<String>,
    /// Prints the report as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Admin {
    /// Makes somebody an operator of the platform.
    ///
    /// An operator is made by an operator; this makes the first one. The account must exist: sign up first, stop the
    /// node, run this on its data folder, start the node, sign in again.
    #[command(after_help = "Example:\n  pulse admin grant-operator --phone +8613800000000 --data /var/lib/pulse")]
    GrantOperator(GrantOperator),
    /// Signs access tokens with a new key from now on.
    ///
    /// Tokens that the key before signed work until they expire, so nobody has to sign in again. After a key was
    /// stolen, rotate twice: then no token of the stolen one works. A running node takes a new key up within 10 seconds.
    RotateKeys(RotateKeys),
}

#[derive(Args, Debug)]
pub(super) struct GrantOperator {
    /// The whole phone number of the account, in international form.
    #[arg(long, value_name = "PHONE")]
    pub(super) phone: String,
    #[command(flatten)]
    pub(super) node: NodeArguments,
}

#[derive(Args, Debug)]
pub(super) struct RotateKeys {
    #[command(flatten)]
    pub(super) node: NodeArguments,
}
