//! Databases of a node, by URL. Each URL is opened once.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use pulse_kernel::Clock;
use pulse_store::{Database, Options};

use crate::config::{Config, SecretUrl};
use crate::data_folder::DataFolder;

/// Databases by URL.
pub(crate) struct Engines {
    default_url: String,
    options: Options,
    opened: HashMap<String, Database>,
}

impl Engines {
    /// Creates an empty set. An empty URL means the SQLite file in the data folder.
    pub(crate) fn new(config: &Config, folder: &DataFolder, flush_delay: Option<Duration>) -> Self {
        let Config { store, retention, .. } = config;
        let default_url = match store.url.expose() {
            "" => format!("sqlite:{}", folder.path().join("pulse.db").display()),
            url => url.to_owned(),
        };
        let options = Options {
            readers: store.readers,
            connections_max: store.connections_max,
            queue_max: store.queue_max,
            busy_timeout: store.busy_timeout,
            answer_retention: retention.idempotency_answers,
            inbox_retention: retention.inbox,
            flush_delay,
            ..Options::default()
        };
        Self { default_url, options, opened: HashMap::new() }
    }

    /// Returns the database of all contexts without a separate one.
    pub(crate) async fn main(&mut self) -> anyhow::Result<Database> {
        self.open(None).await
    }

    /// Returns the database of a context.
    pub(crate) async fn of(&mut self, config: &Config, context: &str) -> anyhow::Result<Database> {
        self.open(config.store.urls.get(context).map(SecretUrl::expose)).await
    }

    async fn open(&mut self, url: Option<&str>) -> anyhow::Result<Database> {
        let url = url.filter(|url| !url.is_empty()).unwrap_or(&self.default_url).to_owned();
        if let Some(database) = self.opened.get(&url) {
            return Ok(database.clone());
        }
        let database = Database::open(&url, self.options.clone())
            .await
            .with_context(|| format!("cannot open the database {}", SecretUrl::new(&url).masked()))?;
        self.opened.insert(url, database.clone());
        Ok(database)
    }

    /// Returns the databases to which a node without a valid lease must not write. There are none with the virtual clock
    /// of a test, because leases use the clock of the machine.
    pub(crate) fn guarded(&self, clock: &Clock) -> impl Iterator<Item = &Database> {
        let is_real = matches!(clock, Clock::System(_));
        self.opened.values().filter(move |_| is_real)
    }

    /// Whether every open database is a file in the data folder. The lock of the folder then excludes other nodes.
    pub(crate) fn are_in(&self, folder: &DataFolder) -> bool {
        let path = |url: &'_ str| url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//").to_owned());
        self.opened.keys().all(|url| path(url).is_some_and(|path| Path::new(&path).starts_with(folder.path())))
    }

    /// Returns all open databases.
    pub(crate) fn into_opened(self) -> Vec<Database> {
        self.opened.into_values().collect()
    }
}
