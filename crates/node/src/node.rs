//! A running node: engines, contexts, bus and edge, wired from a configuration.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use bytes::Bytes;
use pulse_account::{AccountDeps, CodeSender, EndedSessions, Secret};
use pulse_bus::{Bus, Consumer};
use pulse_contract::account::v1::{AccountClient, AccountGrpc, account_routes};
use pulse_contract::shop::v1::{CatalogGrpc, ShopGrpc, SupplierGrpc, catalog_routes, shop_routes, supplier_routes};
use pulse_edge::{Deps, Edge, Server};
use pulse_gate::{Gate, MemoryGate};
use pulse_kernel::{Clock, IdGenerator};
use pulse_shop::{ShopDeps, Shops};
use pulse_store::{Database, NodeLease, Options, Store};
use pulse_token::KeyRing;
use tokio::task::JoinSet;

use crate::config::{Config, StoreConfig};
use crate::data_folder::DataFolder;
use crate::pages::NoChannel;

/// How long this node's number belongs to it without being renewed.
const NODE_LEASE: Duration = Duration::from_secs(30);

/// What is not in the configuration, because only code can give it.
pub struct NodeOptions {
    /// Where the time comes from.
    pub clock: Clock,
    /// Brings one-time codes to people.
    pub codes: Arc<dyn CodeSender>,
    /// Further public pages.
    pub pages: Option<Router>,
    /// Routes that answer a constant after routing only: the reference of benchmarks.
    pub constants: Vec<(&'static str, &'static str)>,
    /// Sleeps so long after each flush of SQLite, as a slow disk would.
    pub flush_delay: Option<Duration>,
    /// Whether it keeps in memory what only answers to clients need.
    pub is_serving: bool,
}

impl NodeOptions {
    /// The machine's clock, these channels, nothing else.
    #[must_use]
    pub fn new(codes: Arc<dyn CodeSender>) -> Self {
        Self { clock: Clock::system(), codes, pages: None, constants: Vec::new(), flush_delay: None, is_serving: true }
    }

    /// For a command that works on the data and answers no clients.
    #[must_use]
    pub fn for_command() -> Self {
        Self { is_serving: false, ..Self::new(Arc::new(NoChannel)) }
    }
}

/// The engines and contexts of a node, without its edge.
pub struct Node {
    /// The account context.
    pub accounts: AccountClient,
    /// The shop context.
    pub shops: Shops,
    /// Delivers events.
    pub bus: Bus,
    /// Where the time comes from.
    pub clock: Clock,
    /// The databases, by URL.
    pub databases: Vec<Database>,
    keys: KeyRing,
    gate: Arc<dyn Gate>,
    ended: EndedSessions,
    pages: Option<Router>,
    constants: Vec<(&'static str, &'static str)>,
    tasks: JoinSet<()>,
    _folder: DataFolder,
}

impl Node {
    /// Opens the databases, applies migrations, starts contexts and bus.
    ///
    /// # Errors
    /// When the data folder is in use, a database does not answer, or a key is weak.
    pub async fn start(config: &Config, options: NodeOptions) -> anyhow::Result<Self> {
        let folder = DataFolder::open(&config.node.data)?;
        let mut engines = Engines::new(&config.store, &folder, options.flush_delay);
        let clock = options.clock.clone();
        let main = engines.open(config.store.url.expose()).await?;
        let mut tasks = JoinSet::new();
        let account_db = engines.open(config.store.account_url.expose()).await?;
        let shop_db = engines.open(config.store.shop_url.expose()).await?;
        let ids = lease_number(&main, engines.opened(&clock), &mut tasks).await?;
        let account_store =
            Store::open(&account_db, "account", pulse_account::MIGRATIONS, clock.clone(), ids.clone()).await?;
        let shop_store = Store::open(&shop_db, "shop", pulse_shop::MIGRATIONS, clock.clone(), ids.clone()).await?;
        let keys = KeyRing::open(&folder.path().join("keys")).context("cannot open the signing keys")?;
        let secret = Secret::new(folder.secret("account.secret")?);
        let mut shops = pulse_shop::start(ShopDeps {
            store: shop_store.clone(),
            config: shop_config(config),
            is_nearby_served: options.is_serving,
        })
        .await?;
        let accounts = pulse_account::start(AccountDeps {
            store: account_store.clone(),
            keys: keys.clone(),
            secret,
            codes: options.codes,
            config: account_config(config),
        })
        .await?;
        let consumers = accounts.consumers.into_iter().chain(std::mem::take(&mut shops.consumers)).collect();
        let bus = start_bus(&main, [&account_store, &shop_store], consumers, ids, folder.name()?).await?;
        let (ended, watched) = (accounts.ended.clone(), account_store.clone());
        tasks.spawn(async move { ended.watch(&watched).await });
        let swept = account_store.clone();
        tasks.spawn(async move { sweep_accounts(&swept).await });
        let (delivered, time) = (bus.clone(), clock.clone());
        tasks.spawn(async move { prune_events(&delivered, &time).await });
        for store in [account_store, shop_store] {
            tasks.spawn(async move { store.sweep().await });
        }
        tasks.spawn(reread_keys(keys.clone()));
        Ok(Self {
            accounts: accounts.client,
            shops,
            bus,
            clock,
            databases: engines.into_opened(),
            keys,
            gate: Arc::new(MemoryGate::default()),
            ended: accounts.ended,
            pages: options.pages,
            constants: options.constants,
            tasks,
            _folder: folder,
        })
    }

    /// Builds the edge over the contexts and binds it.
    ///
    /// # Errors
    /// When the address is taken, or two routes contradict each other.
    pub fn bind(&self, config: &Config, listen: SocketAddr) -> anyhow::Result<Server> {
        let ended = self.ended.clone();
        let deps = Deps {
            clock: self.clock.clone(),
            gate: Arc::clone(&self.gate),
            keys: self.keys.clone(),
            is_revoked: Box::new(move |principal| ended.contains(principal.session)),
        };
        let mut edge = Edge::builder(config.edge.clone(), deps);
        let admission = edge.admission();
        edge = edge
            .sampling(config.telemetry.sampling())
            .routes(account_routes(&self.accounts))
            .routes(shop_routes(&self.shops.shops))
            .routes(catalog_routes(&self.shops.catalog))
            .routes(supplier_routes(&self.shops.suppliers))
            .grpc(AccountGrpc::new(self.accounts.clone(), admission.clone()).into_server())
            .grpc(ShopGrpc::new(self.shops.shops.clone(), admission.clone()).into_server())
            .grpc(CatalogGrpc::new(self.shops.catalog.clone(), admission.clone()).into_server())
            .grpc(SupplierGrpc::new(self.shops.suppliers.clone(), admission).into_server())
            .descriptors(pulse_contract::FILE_DESCRIPTOR_SET)
            .openapi(Bytes::from_static(pulse_contract::OPENAPI.as_bytes()));
        if let Some(pages) = &self.pages {
            edge = edge.pages(pages.clone());
        }
        for (path, body) in &self.constants {
            edge = edge.raw("GET", path, *body);
        }
        edge.build()?.bind(listen).with_context(|| format!("cannot listen on {listen}"))
    }

    /// Ends the work that nobody waits for, and hands in what is open.
    pub async fn stop(mut self) {
        self.bus.stop().await;
        self.tasks.shutdown().await;
    }
}

/// Databases by URL, each opened once.
struct Engines {
    default_url: String,
    options: Options,
    opened: HashMap<String, Database>,
}

impl Engines {
    fn new(config: &StoreConfig, folder: &DataFolder, flush_delay: Option<Duration>) -> Self {
        let default_url = match config.url.expose() {
            "" => format!("sqlite:{}", folder.path().join("pulse.db").display()),
            url => url.to_owned(),
        };
        let options = Options {
            readers: config.readers,
            connections_max: config.connections_max,
            queue_max: config.queue_max,
            busy_timeout: config.busy_timeout,
            flush_delay,
            ..Options::default()
        };
        Self { default_url, options, opened: HashMap::new() }
    }

    async fn open(&mut self, url: &str) -> anyhow::Result<Database> {
        let url = if url.is_empty() { self.default_url.clone() } else { url.to_owned() };
        if let Some(database) = self.opened.get(&url) {
            return Ok(database.clone());
        }
        let database = Database::open(&url, self.options.clone())
            .await
            .with_context(|| format!("cannot open the database {}", crate::config::Secret::new(&url).masked()))?;
        self.opened.insert(url, database.clone());
        Ok(database)
    }

    /// The databases that a lapsed node must not write to. A test's clock says nothing about a lease of the machine's.
    fn opened(&self, clock: &Clock) -> impl Iterator<Item = &Database> {
        let is_real = matches!(clock, Clock::System(_));
        self.opened.values().filter(move |_| is_real)
    }

    fn into_opened(self) -> Vec<Database> {
        self.opened.into_values().collect()
    }
}

/// Leases a number for this node's ids. Losing it would let two nodes draw the same id, so the process ends instead.
///
/// The lease is about processes, so it goes by the machine's clock, also when the node's clock is moved by a test.
async fn lease_number<'a>(
    database: &Database,
    written: impl Iterator<Item = &'a Database>,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Arc<IdGenerator>> {
    let holder = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
    let store = Store::open(database, "node", &[], Clock::system(), Arc::new(IdGenerator::new(0))).await?;
    let lease = NodeLease::acquire(&store, &holder, NODE_LEASE).await.context("cannot lease a number for this node")?;
    written.for_each(|database| database.write_only_as(&lease));
    let ids = Arc::new(IdGenerator::new(lease.number()));
    tasks.spawn(async move {
        let error = lease.keep().await;
        tracing::error!(%error, "the lease of this node's number was lost; stopping, so that no id is drawn twice");
        std::process::exit(EXIT_LEASE_LOST);
    });
    Ok(ids)
}

/// The exit code of a node that lost its number, for whoever restarts it.
const EXIT_LEASE_LOST: i32 = 75;

async fn start_bus(
    database: &Database,
    outboxes: [&Store; 2],
    consumers: Vec<Consumer>,
    ids: Arc<IdGenerator>,
    holder: String,
) -> anyhow::Result<Bus> {
    let clock = outboxes[0].clock().clone();
    let mut builder = Bus::builder(pulse_bus::Options::of(&holder));
    for outbox in outboxes {
        builder = builder.outbox(outbox);
    }
    for consumer in consumers {
        builder = builder.consumer(consumer);
    }
    Ok(builder.start(database, clock, ids).await?)
}

/// How long a running node may sign with the old key after `pulse admin rotate-keys`.
const REREAD_KEYS_EVERY: Duration = Duration::from_secs(10);

async fn reread_keys(keys: KeyRing) {
    loop {
        tokio::time::sleep(REREAD_KEYS_EVERY).await;
        let ring = keys.clone();
        match tokio::task::spawn_blocking(move || ring.reload()).await {
            Ok(Ok(true)) => tracing::info!(kids = ?keys.kids(), "the signing keys were rotated"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the signing keys cannot be read again; those in use stay"),
            Err(error) => tracing::warn!(%error, "reading the signing keys broke off"),
        }
    }
}

/// How often old codes and wrong guesses are deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

async fn sweep_accounts(store: &Store) {
    loop {
        store.clock().sleep_until(store.clock().now().plus(SWEEP_EVERY)).await;
        if let Err(error) = pulse_account::sweep(store).await {
            tracing::warn!(error = %error.story(), "old codes and guesses could not be deleted");
        }
    }
}

/// How long events stay after everybody has settled them: a consumer that is new, or an operator who looks for what
/// happened, has a week to look back on. It is shorter than [`pulse_store::INBOX_RETENTION`], so that no event is left
/// whose consumption is forgotten.
const KEEP_EVENTS_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const _: () = assert!(KEEP_EVENTS_FOR.as_secs() < pulse_store::INBOX_RETENTION.as_secs());

/// How often old events are deleted: often enough that there are never many at once.
const PRUNE_EVERY: Duration = Duration::from_secs(10 * 60);

async fn prune_events(bus: &Bus, clock: &Clock) {
    loop {
        let now = clock.now();
        match bus.prune(now.minus(KEEP_EVENTS_FOR)).await {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "old events were deleted"),
            Err(error) => tracing::warn!(error = %error.story(), "old events could not be deleted"),
        }
        clock.sleep_until(now.plus(PRUNE_EVERY)).await;
    }
}

fn account_config(config: &Config) -> pulse_account::AccountConfig {
    pulse_account::AccountConfig {
        access_ttl: config.account.access_ttl,
        time_zone: config.account.time_zone.clone(),
        following_max: config.account.following_max,
        hashers: config.account.hashers,
    }
}

fn shop_config(config: &Config) -> pulse_shop::ShopConfig {
    pulse_shop::ShopConfig {
        time_zone: config.shop.time_zone.clone(),
        shops_per_merchant_max: config.shop.shops_per_merchant_max,
        products_per_shop_max: config.shop.products_per_shop_max,
        item_list: pulse_shop::ItemListConfig {
            window: config.shop.item_list_window,
            items_max: config.shop.item_list_items_max,
        },
    }
}
