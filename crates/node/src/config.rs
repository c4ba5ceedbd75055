//! Configuration: one file, then environment variables, then flags. An unknown key is an error.

mod verify;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use pulse_account::AccountConfig;
use pulse_context::{Faults, Retention, Section};
use pulse_edge::EdgeConfig;
use pulse_marketing::CouponConfig;
use pulse_order::OrderConfig;
use pulse_payment::PaymentConfig;
use pulse_sale::SaleConfig;
use pulse_shop::ShopConfig;
use pulse_stock::StockConfig;
use pulse_telemetry::{BuildInfo, LogFormat, OtlpConfig, Sampling, TelemetryConfig};
use serde::{Deserialize, Serialize};

use crate::codes::CodesConfig;
use crate::tables::TABLES;

pub use pulse_context::{SecretText, SecretUrl};
pub use pulse_order::{FullRefund, LatePayment};
pub use verify::VerifySection;

/// Complete configuration, by section.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and data folder of the node.
    pub node: NodeConfig,
    /// The databases.
    pub store: StoreConfig,
    /// Limits of the HTTP and gRPC edge.
    pub edge: EdgeConfig,
    /// Channels for one-time codes.
    pub codes: CodesConfig,
    /// Accounts and sessions.
    pub account: AccountConfig,
    /// Merchants, shops and catalogues.
    pub shop: ShopConfig,
    /// The stock ledger.
    pub stock: StockConfig,
    /// Coupons and vouchers.
    pub marketing: CouponConfig,
    /// Orders.
    pub order: OrderConfig,
    /// Payments.
    pub payment: PaymentConfig,
    /// Flash sales.
    pub sale: SaleConfig,
    /// Verification of invariants in the background.
    pub verify: VerifySection,
    /// The age at which rows are deleted.
    pub retention: Retention,
    /// Logs, traces, metrics.
    pub telemetry: TelemetrySection,
}

/// Address and data folder of the node.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeConfig {
    /// Data folder: embedded database, keys, secrets. Created if missing, readable by its owner only.
    /// Default `data`. Since 0.1.
    pub data: PathBuf,
    /// Address to listen on; port 0 selects a free port. Default 127.0.0.1:8080. Since 0.1.
    pub listen: SocketAddr,
    /// Whether one-time codes are shown at `/dev/inbox` instead of being sent. Not for production. Default false,
    /// `pulse demo` sets it. Since 0.1.
    pub has_dev_inbox: bool,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self { data: PathBuf::from("data"), listen: SocketAddr::from(([127, 0, 0, 1], 8080)), has_dev_inbox: false }
    }
}

/// The databases.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite:PATH`, `postgres://user:password@host/database` or `mysql://...`; empty means `pulse.db` in the data
    /// folder. Default empty. Since 0.1.
    pub url: SecretUrl,
    /// URLs of separate databases, by the name of the context; all other contexts use `url`. Default none. Since 0.1.
    pub urls: BTreeMap<String, SecretUrl>,
    /// Number of SQLite reader threads. 1 to 64, default 2. Since 0.1.
    pub readers: usize,
    /// Maximum number of connections to PostgreSQL or MariaDB. 1 to 1000, default 16. Since 0.1.
    pub connections_max: u32,
    /// Maximum number of queued reads, and of queued commits; further calls are refused. 16 to 1000000, default 4096. Since 0.1.
    pub queue_max: usize,
    /// Maximum wait for a connection or a lock. Default 5s. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub busy_timeout: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: SecretUrl::default(),
            urls: BTreeMap::new(),
            readers: 2,
            connections_max: 16,
            queue_max: 4_096,
            busy_timeout: Duration::from_secs(5),
        }
    }
}

impl Section for StoreConfig {
    fn check(&self, faults: &mut Faults) {
        let contexts: Vec<&str> = TABLES.iter().map(|tables| tables.context).collect();
        for name in self.urls.keys() {
            let is_known = contexts.contains(&name.as_str());
            faults.require(
                is_known,
                "urls",
                format_args!("named by a context ({}), got {name:?}", contexts.join(", ")),
            );
        }
        faults.number("readers", self.readers, 1..=64);
        faults.number("queue_max", self.queue_max, 16..=1_000_000);
        faults.number("connections_max", self.connections_max, 1..=1_000);
    }
}

/// Logs, traces, metrics.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySection {
    /// Name of this process in traces and logs. Default `pulse`. Since 0.1.
    pub service: String,
    /// Log filter: levels by module, for example `info,pulse_store=debug`. Default `info`. Since 0.1.
    pub log: String,
    /// Whether log lines are JSON instead of text. Default false. Since 0.1.
    pub is_log_json: bool,
    /// Number of recorded traces per million that start at this node. 0 to 1000000, default 10000. Since 0.1.
    pub samples_per_million: u32,
    /// Whether the sampling decision of the caller applies. Default true. Since 0.1.
    pub honor_upstream_sampling: bool,
    /// Address of an OTLP collector (gRPC), for example `http://127.0.0.1:4317`; empty for none. Default empty.
    /// Since 0.1.
    pub otlp_endpoint: String,
    /// Timeout of one export. Default 5s. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub otlp_timeout: Duration,
}

impl Default for TelemetrySection {
    fn default() -> Self {
        Self {
            service: "pulse".into(),
            log: "info".into(),
            is_log_json: false,
            samples_per_million: 10_000,
            honor_upstream_sampling: true,
            otlp_endpoint: String::new(),
            otlp_timeout: Duration::from_secs(5),
        }
    }
}

impl Section for TelemetrySection {
    fn check(&self, faults: &mut Faults) {
        faults.number("samples_per_million", self.samples_per_million, 0..=1_000_000);
    }
}

impl TelemetrySection {
    /// Which requests are traced.
    #[must_use]
    pub fn sampling(&self) -> Sampling {
        Sampling { per_million: self.samples_per_million, honor_upstream_sampling: self.honor_upstream_sampling }
    }

    /// The settings of the telemetry crate.
    #[must_use]
    pub fn telemetry(&self) -> TelemetryConfig {
        let has_collector = !self.otlp_endpoint.is_empty();
        TelemetryConfig {
            service: self.service.clone(),
            build: BuildInfo { version: env!("CARGO_PKG_VERSION").into(), ..BuildInfo::default() },
            log_format: if self.is_log_json { LogFormat::Json } else { LogFormat::Human },
            log_filter: self.log.clone(),
            sampling: self.sampling(),
            otlp: has_collector
                .then(|| OtlpConfig { endpoint: self.otlp_endpoint.clone(), timeout: self.otlp_timeout }),
        }
    }
}

/// Prefix of environment variables that set a key. `__` separates section and key: `PULSE_NODE__LISTEN`,
/// `PULSE_STORE__URL`.
const PREFIX: &str = "PULSE_";

/// Returns the intended variable for one with a single underscore, such as `PULSE_STORE_URL`. Other variables with the
/// prefix are ignored: Kubernetes sets `PULSE_SERVICE_HOST` for a service named pulse.
fn setting_meant_by(name: &str) -> anyhow::Result<Option<String>> {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    let Some((part, key)) = rest.split_once('_') else { return Ok(None) };
    let known = toml::Table::try_from(Config::default())?;
    let part_of_config = known.get(&part.to_ascii_lowercase()).and_then(toml::Value::as_table);
    let is_setting = part_of_config.is_some_and(|keys| keys.contains_key(&key.to_ascii_lowercase()));
    Ok(is_setting.then(|| format!("{PREFIX}{part}__{key}")))
}

impl Config {
    /// Reads the file, if any, and applies the environment variables.
    ///
    /// # Errors
    /// If the file cannot be read or is not TOML, a key is unknown, or a value has the wrong type.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut table = match file {
            None => toml::Table::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                text.parse().with_context(|| format!("{} is not TOML", path.display()))?
            }
        };
        for (name, value) in environment.filter(|(name, _)| name.starts_with(PREFIX)) {
            if name.contains("__") {
                lay_over(&mut table, &name, &value)?;
            } else if let Some(meant) = setting_meant_by(&name)? {
                bail!("{name} sets nothing; write {meant}, with two underscores");
            }
        }
        let config: Self = table.try_into().context("the configuration does not fit")?;
        config.check()?;
        Ok(config)
    }

    /// Checks the range of every value.
    ///
    /// # Errors
    /// Lists all values outside of their ranges, with the ranges.
    pub fn check(&self) -> anyhow::Result<()> {
        let mut faults = Faults::default();
        faults.section("store", &self.store);
        faults.section("codes", &self.codes);
        faults.section("account", &self.account);
        faults.section("shop", &self.shop);
        faults.section("stock", &self.stock);
        faults.section("marketing", &self.marketing);
        faults.section("order", &self.order);
        faults.section("payment", &self.payment);
        faults.section("sale", &self.sale);
        faults.section("verify", &self.verify);
        faults.section("retention", &self.retention);
        faults.section("telemetry", &self.telemetry);
        let found = faults.found();
        if found.is_empty() { Ok(()) } else { bail!("{}", found.join("; ")) }
    }
}

/// Sets `PULSE_PART__FIELD=value` in the table. The value is parsed as TOML; if that fails, it is text.
fn lay_over(table: &mut toml::Table, name: &str, value: &str) -> anyhow::Result<()> {
    let path: Vec<String> = name.trim_start_matches(PREFIX).split("__").map(str::to_ascii_lowercase).collect();
    let Some((field, parts)) = path.split_last() else { return Ok(()) };
    let mut place = table;
    for part in parts {
        let entry = place.entry(part.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = entry.as_table_mut().with_context(|| format!("{name} sets a key inside of a value"))?;
    }
    let parsed = format!("value = {value}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
    place.insert(field.clone(), parsed.unwrap_or_else(|| toml::Value::String(value.to_owned())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn the_environment_lies_over_the_defaults() {
        let set =
            [("PULSE_NODE__LISTEN", "0.0.0.0:9"), ("PULSE_STORE__READERS", "3"), ("PULSE_ACCOUNT__ACCESS_TTL", "5m")];
        let config = Config::load(None, environment(&set)).unwrap();
        assert_eq!(config.node.listen.port(), 9);
        assert_eq!(config.store.readers, 3);
        assert_eq!(config.account.access_ttl, Duration::from_secs(300));
    }

    #[test]
    fn unknown_keys_and_values_out_of_range_are_refused() {
        for (name, value, expected) in [
            ("PULSE_NODE__LISTN", "1", "unknown field `listn`"),
            ("PULSE_STORE__READERS", "0", "store.readers"),
            ("PULSE_ACCOUNT__ACCESS_TTL", "2h", "account.access_ttl"),
            ("PULSE_NODE__LISTEN", "nowhere", "invalid socket address"),
            ("PULSE_STORE_URL", "postgres://host/db", "write PULSE_STORE__URL"),
            ("PULSE_SHOP__TIME_ZONE", "Asia/Shangai", "shop.time_zone"),
            ("PULSE_ACCOUNT__TIME_ZONE", "", "account.time_zone"),
            ("PULSE_CODES__SMTP_URL", "http://host", "codes.smtp_url"),
            ("PULSE_CODES__SMTP_URL", "smtp://host", "codes.from"),
            ("PULSE_CODES__WEBHOOK_URL", "https://host", "codes.webhook_secret"),
            ("PULSE_VERIFY__EVERY", "1s", "verify.every"),
            ("PULSE_VERIFY__READ_BUDGET_PERCENT", "0", "verify.read_budget_percent"),
            ("PULSE_STORE__URLS__ORDERS", "postgres://host/db", "store.urls"),
            (
                "PULSE_ORDER__QUEUED_PLACEMENT__START_ORDERS_PER_SECOND",
                "500",
                "stop_orders_per_second must be less than order.queued_placement.start_orders_per_second",
            ),
            ("PULSE_ORDER__QUEUED_PLACEMENT__TIMEOUT", "1h", "order.queued_placement.timeout"),
        ] {
            let error = format!("{:#}", Config::load(None, environment(&[(name, value)])).unwrap_err());
            assert!(error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn all_values_out_of_range_are_reported_at_once() {
        let wrong = [("PULSE_STORE__READERS", "0"), ("PULSE_RETENTION__CARTS", "1day"), ("PULSE_SALE__QUEUE_MAX", "0")];
        let error = format!("{:#}", Config::load(None, environment(&wrong)).unwrap_err());
        for key in ["store.readers", "retention.carts", "sale.queue_max"] {
            assert!(error.contains(key), "{error}");
        }
        let close = [
            ("PULSE_ORDER__QUEUED_PLACEMENT__START_ORDERS_PER_SECOND", "2"),
            ("PULSE_ORDER__QUEUED_PLACEMENT__STOP_ORDERS_PER_SECOND", "1"),
        ];
        let config = Config::load(None, environment(&close)).unwrap();
        assert_eq!(config.order.queued_placement.start_orders_per_second, 2);
    }

    #[test]
    fn variables_of_others_are_none_of_our_business() {
        let others =
            [("PULSE_SERVICE_HOST", "10.0.0.1"), ("PULSE_STORE_PORT", "tcp://10.0.0.1:80"), ("PULSE_CONFIG", "x")];
        assert!(Config::load(None, environment(&others)).is_ok());
    }

    #[test]
    fn passwords_are_masked() {
        let config = Config::load(None, environment(&[("PULSE_STORE__URL", "postgres://me:hunter2@host/db")])).unwrap();
        let printed = toml::to_string(&config).unwrap() + &format!("{config:?}");
        assert!(!printed.contains("hunter2") && printed.contains("postgres://me:***@host/db"));
    }
}
