//! The databases of a node: by URL, each opened once.

use std::collections::HashMap;
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
    /// None open yet; without a URL it is a file in the folder.
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

    /// The database of every context that has none of its own.
    pub(crate) async fn main(&mut self) -> anyhow::Result<Database> {
        self.open(None).await
    }

    /// The database of a context.
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

    /// The databases that a lapsed node must not write to. A test's clock says nothing about a lease of the machine's.
    pub(crate) fn guarded(&self, clock: &Clock) -> impl Iterator<Item = &Database> {
        let is_real = matches!(clock, Clock::System(_));
        self.opened.values().filter(move |_| is_real)
    }

    /// Every database that was opened.
    pub(crate) fn into_opened(self) -> Vec<Database> {
        self.opened.into_values().collect()
    }
}
