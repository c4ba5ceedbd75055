//! The configuration: one file, then the environment, then flags. A key that is not known is an error.

mod order;
mod payment;
mod retention;
mod sale;
mod verify;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use pulse_edge::EdgeConfig;
use pulse_telemetry::{BuildInfo, LogFormat, OtlpConfig, Sampling, TelemetryConfig};
use serde::{Deserialize, Serialize};

use crate::contexts::TABLES;

pub use order::{HotSection, LatePayment, OrderSection};
pub use payment::{Masked, PaymentSection};
pub use retention::RetentionSection;
pub use sale::SaleSection;
pub use verify::VerifySection;

/// Everything that can be set. Each part says what it is for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where this node is and where it keeps its things.
    pub node: NodeConfig,
    /// The relational truth.
    pub store: StoreConfig,
    /// What the HTTP and gRPC side allows.
    pub edge: EdgeConfig,
    /// People.
    pub account: AccountSection,
    /// Shops.
    pub shop: ShopSection,
    /// Orders.
    pub order: OrderSection,
    /// Payments.
    pub payment: PaymentSection,
    /// What is proven in the background.
    pub verify: VerifySection,
    /// Flash sales.
    pub sale: SaleSection,
    /// What is forgotten, and when.
    pub retention: RetentionSection,
    /// Logs, traces, metrics.
    pub telemetry: TelemetrySection,
}

/// Where this node is and where it keeps its things.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeConfig {
    /// The data folder: embedded database, keys, secrets. Made when it is not there, readable by its owner only.
    /// Default `data`. Since 0.1.
    pub data: PathBuf,
    /// The address to listen on; port 0 takes a free one. Default 127.0.0.1:8080. Since 0.1.
    pub listen: SocketAddr,
    /// Whether one-time codes are shown at `/dev/inbox` instead of being sent. Never in production. Default false,
    /// `pulse demo` sets it. Since 0.1.
    pub has_dev_inbox: bool,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self { data: PathBuf::from("data"), listen: SocketAddr::from(([127, 0, 0, 1], 8080)), has_dev_inbox: false }
    }
}

/// The relational truth.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite:PATH`, `postgres://user:password@host/database` or `mysql://...`; empty means `pulse.db` in the data
    /// folder. Default empty. Since 0.1.
    pub url: Secret,
    /// Databases of their own for contexts, by the context's name; the others are in `url`. Default none. Since 0.1.
    pub urls: BTreeMap<String, Secret>,
    /// Threads that read from SQLite. 1 to 64, default 2. Since 0.1.
    pub readers: usize,
    /// Connections to PostgreSQL or MariaDB. 1 to 1000, default 16. Since 0.1.
    pub connections_max: u32,
    /// Reads, and commits, that wait at most; above it callers are refused. 16 to 1000000, default 4096. Since 0.1.
    pub queue_max: usize,
    /// How long to wait for a connection or a lock. Default 5s. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub busy_timeout: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            urls: BTreeMap::new(),
            readers: 2,
            connections_max: 16,
            queue_max: 4_096,
            busy_timeout: Duration::from_secs(5),
        }
    }
}

/// People.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountSection {
    /// How long an access token works; roles that are taken away stay in force that long. 1m to 1h, default 15m.
    /// Since 0.1.
    #[serde(with = "humantime_serde")]
    pub access_ttl: Duration,
    /// The time zone of new accounts, an IANA name. Default Asia/Shanghai. Since 0.1.
    pub time_zone: String,
    /// How many accounts one may follow. Default 5000. Since 0.1.
    pub following_max: i64,
    /// Passwords hashed at the same time, 19 MiB each. Default 2. Since 0.1.
    pub hashers: usize,
}

impl Default for AccountSection {
    fn default() -> Self {
        let default = pulse_account::AccountConfig::default();
        Self {
            access_ttl: default.access_ttl,
            time_zone: default.time_zone,
            following_max: default.following_max,
            hashers: default.hashers,
        }
    }
}

impl AccountSection {
    /// What the context is told.
    #[must_use]
    pub fn context(&self) -> pulse_account::AccountConfig {
        pulse_account::AccountConfig {
            access_ttl: self.access_ttl,
            time_zone: self.time_zone.clone(),
            following_max: self.following_max,
            hashers: self.hashers,
        }
    }
}

/// Shops.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShopSection {
    /// The zone of opening hours that name none, an IANA name. Default Asia/Shanghai. Since 0.1.
    pub time_zone: String,
    /// Shops of one merchant. Default 200. Since 0.1.
    pub shops_per_merchant_max: i64,
    /// Products of one shop. 1 to 500, default 500. Since 0.1.
    pub products_per_shop_max: i64,
    /// The longest time until a change of a supplier's item is in the list. 0s to 1m, default 2s. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub item_list_window: Duration,
    /// So many changed items are listed at once without waiting longer. 1 to 100000, default 2000. Since 0.1.
    pub item_list_items_max: usize,
}

impl Default for ShopSection {
    fn default() -> Self {
        let default = pulse_shop::ShopConfig::default();
        Self {
            time_zone: default.time_zone,
            shops_per_merchant_max: default.shops_per_merchant_max,
            products_per_shop_max: default.products_per_shop_max,
            item_list_window: default.item_list.window,
            item_list_items_max: default.item_list.items_max,
        }
    }
}

impl ShopSection {
    /// What the context is told.
    #[must_use]
    pub fn context(&self) -> pulse_shop::ShopConfig {
        pulse_shop::ShopConfig {
            time_zone: self.time_zone.clone(),
            shops_per_merchant_max: self.shops_per_merchant_max,
            products_per_shop_max: self.products_per_shop_max,
            item_list: pulse_shop::ItemListConfig {
                window: self.item_list_window,
                items_max: self.item_list_items_max,
            },
        }
    }
}

/// Logs, traces, metrics.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySection {
    /// The name of this process among others. Default `pulse`. Since 0.1.
    pub service: String,
    /// Which log lines there are: levels by module, for example `info,pulse_store=debug`. Default `info`. Since 0.1.
    pub log: String,
    /// Whether log lines are JSON instead of text for people. Default false. Since 0.1.
    pub is_log_json: bool,
    /// So many of a million traces that begin here are recorded, 0 to 1000000. Default 10000. Since 0.1.
    pub samples_per_million: u32,
    /// Whether a caller's wish to be recorded counts. Default true. Since 0.1.
    pub follows_caller: bool,
    /// A collector that speaks OTLP over gRPC, for example `http://127.0.0.1:4317`; empty for none. Default empty.
    /// Since 0.1.
    pub otlp_endpoint: String,
    /// How long one export may take. Default 5s. Since 0.1.
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
            follows_caller: true,
            otlp_endpoint: String::new(),
            otlp_timeout: Duration::from_secs(5),
        }
    }
}

impl TelemetrySection {
    /// Which requests are traced.
    #[must_use]
    pub fn sampling(&self) -> Sampling {
        Sampling { per_million: self.samples_per_million, follows_caller: self.follows_caller }
    }

    /// What telemetry is told.
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

/// A text that may hold a password: printed without it.
#[derive(Clone, Default, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// A text that may hold a password.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole text. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text with the password of its URL replaced.
    #[must_use]
    pub fn masked(&self) -> String {
        match self.0.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
            Some((scheme, (user, host))) => {
                let user = user.split(':').next().unwrap_or_default();
                format!("{scheme}://{user}:***@{host}")
            }
            None => match self.0.split_once('?') {
                // A password may stand among the options, too.
                Some((url, options)) if options.contains("password=") => format!("{url}?***"),
                _ => self.0.clone(),
            },
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

/// Every variable of the environment that sets something begins with this; `__` goes one part deeper:
/// `PULSE_NODE__LISTEN`, `PULSE_STORE__URL`.
const PREFIX: &str = "PULSE_";

/// The variable that was meant by one with a single underscore, such as `PULSE_STORE_URL`. Others that begin alike are
/// none of our business: Kubernetes makes `PULSE_SERVICE_HOST` for a service that is called pulse.
fn setting_meant_by(name: &str) -> anyhow::Result<Option<String>> {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    let Some((part, key)) = rest.split_once('_') else { return Ok(None) };
    let known = toml::Table::try_from(Config::default())?;
    let part_of_config = known.get(&part.to_ascii_lowercase()).and_then(toml::Value::as_table);
    let is_setting = part_of_config.is_some_and(|keys| keys.contains_key(&key.to_ascii_lowercase()));
    Ok(is_setting.then(|| format!("{PREFIX}{part}__{key}")))
}

impl Config {
    /// Reads the file, when one is named, and lays the environment over it.
    ///
    /// # Errors
    /// When the file cannot be read or is not TOML, when a key is not known, when a value does not fit.
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

    /// Refuses values that would hurt later.
    ///
    /// # Errors
    /// With the first value that is out of its range, and the range.
    pub fn check(&self) -> anyhow::Result<()> {
        let minute = Duration::from_secs(60);
        self.order.check()?;
        if !(minute..=minute * 60).contains(&self.account.access_ttl) {
            bail!("account.access_ttl is from 1m to 1h: a token cannot be taken back while it works");
        }
        if let Some(name) = self.store.urls.keys().find(|name| TABLES.iter().all(|(context, _)| context != name)) {
            bail!("store.urls names contexts such as account or order, and not {name:?}");
        }
        if !(1..=64).contains(&self.store.readers) {
            bail!("store.readers is from 1 to 64");
        }
        if !(16..=1_000_000).contains(&self.store.queue_max) {
            bail!("store.queue_max is from 16 to 1000000");
        }
        if !(1..=1_000).contains(&self.store.connections_max) {
            bail!("store.connections_max is from 1 to 1000");
        }
        if self.telemetry.samples_per_million > 1_000_000 {
            bail!("telemetry.samples_per_million is from 0 to 1000000");
        }
        if self.shop.item_list_window > minute {
            bail!("shop.item_list_window is from 0s to 1m");
        }
        if !(1..=100_000).contains(&self.shop.item_list_items_max) {
            bail!("shop.item_list_items_max is from 1 to 100000");
        }
        if !(1..=500).contains(&self.shop.products_per_shop_max) {
            bail!("shop.products_per_shop_max is from 1 to 500");
        }
        self.payment.check()?;
        self.verify.check()?;
        self.retention.check()?;
        self.sale.check()?;
        for (key, zone) in [("account.time_zone", &self.account.time_zone), ("shop.time_zone", &self.shop.time_zone)] {
            if !pulse_shop::is_time_zone(zone) {
                bail!("{key} is the name of a time zone such as Asia/Shanghai, and not {zone:?}");
            }
        }
        Ok(())
    }
}

/// Sets `PULSE_PART__FIELD=value` in the table; the value is TOML when it reads as such, otherwise text.
fn lay_over(table: &mut toml::Table, name: &str, value: &str) -> anyhow::Result<()> {
    let path: Vec<String> = name.trim_start_matches(PREFIX).split("__").map(str::to_ascii_lowercase).collect();
    let Some((field, parts)) = path.split_last() else { return Ok(()) };
    let mut place = table;
    for part in parts {
        let entry = place.entry(part.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = entry.as_table_mut().with_context(|| format!("{name} sets something inside of a value"))?;
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
            ("PULSE_VERIFY__EVERY", "1s", "verify.every"),
            ("PULSE_VERIFY__SHARE_PERCENT", "0", "verify.share_percent"),
            ("PULSE_STORE__URLS__ORDERS", "postgres://host/db", "store.urls"),
            ("PULSE_ORDER__HOT__ENTER", "500", "order.hot.leave is less than order.hot.enter"),
            ("PULSE_ORDER__HOT__PLACE_WITHIN", "1h", "order.hot.place_within"),
        ] {
            let error = format!("{:#}", Config::load(None, environment(&[(name, value)])).unwrap_err());
            assert!(error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn everything_that_is_wrong_with_the_hot_lane_is_said_at_once() {
        let wrong = [("PULSE_ORDER__HOT__ENTER", "1"), ("PULSE_ORDER__HOT__PLACE_WITHIN", "0s")];
        let error = format!("{:#}", Config::load(None, environment(&wrong)).unwrap_err());
        for fault in ["order.hot.enter is from", "order.hot.leave is less", "order.hot.place_within is from"] {
            assert!(error.contains(fault), "{error}");
        }
        let close = [("PULSE_ORDER__HOT__ENTER", "2"), ("PULSE_ORDER__HOT__LEAVE", "1")];
        assert_eq!(Config::load(None, environment(&close)).unwrap().order.hot.enter, 2);
    }

    #[test]
    fn variables_of_others_are_none_of_our_business() {
        let others =
            [("PULSE_SERVICE_HOST", "10.0.0.1"), ("PULSE_STORE_PORT", "tcp://10.0.0.1:80"), ("PULSE_CONFIG", "x")];
        assert!(Config::load(None, environment(&others)).is_ok());
    }

    #[test]
    fn passwords_are_masked() {
        assert_eq!(Secret::new("postgres://host/db?user=u&password=p").masked(), "postgres://host/db?***");
        let config = Config::load(None, environment(&[("PULSE_STORE__URL", "postgres://me:hunter2@host/db")])).unwrap();
        let printed = toml::to_string(&config).unwrap() + &format!("{config:?}");
        assert!(!printed.contains("hunter2") && printed.contains("postgres://me:***@host/db"));
    }
}
