//! Running node: databases, contexts, bus and edge, created from a configuration.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use bytes::Bytes;
use pulse_account::{CodeSender, Secret};
use pulse_bus::{Bus, Faults};
use pulse_context::{Context as RunningContext, Pump, Verify};
use pulse_contract::Served;
use pulse_contract::account::v1::AccountClient;
use pulse_contract::kitchen::v1::KitchenClient;
use pulse_contract::marketing::v1::CouponClient;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::payment::v1::PaymentClient;
use pulse_contract::sale::v1::SaleClient;
use pulse_contract::stock::v1::StockClient;
use pulse_edge::{Deps, Edge, Server};
use pulse_kernel::{Clock, IdGenerator};
use pulse_limiter::{Limiter, MemoryLimiter};
use pulse_shop::Shops;
use pulse_store::{Database, NodeLease, Store};
use pulse_token::KeyRing;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::chores;
use crate::codes::CodeChannels;
use crate::config::{Config, VerifySection};
use crate::contexts::{Clients, Wiring};
use crate::data_folder::DataFolder;
use crate::engines::Engines;
use crate::outbound::HttpOutbound;
use crate::pages;
use crate::tables::TABLES;
use crate::verify::{VerifyTargets, Watch};

/// Duration of the lease of the node number.
const NODE_LEASE: Duration = Duration::from_secs(30);

/// Options of a node that only code can set, not the configuration.
pub struct NodeOptions {
    /// Clock of the node.
    pub clock: Clock,
    /// Sender of one-time codes.
    pub codes: Arc<dyn CodeSender>,
    /// Additional public pages.
    pub pages: Option<Router>,
    /// Routes that return a constant, as a reference for benchmarks.
    pub constants: Vec<(&'static str, &'static str)>,
    /// Delay after each flush of SQLite, which simulates a slow disk.
    pub flush_delay: Option<Duration>,
    /// Whether the node builds the in-memory indexes that only calls of clients need.
    pub is_serving: bool,
    /// Whether timers fire in the background; otherwise [`Node::fire_timers`] fires them.
    pub fires_timers: bool,
    /// Injected faults in the delivery of events, for tests.
    pub faults: Option<Faults>,
}

impl NodeOptions {
    /// Creates options with the clock of the machine and this sender of codes, and defaults otherwise.
    #[must_use]
    pub fn new(codes: Arc<dyn CodeSender>) -> Self {
        Self {
            clock: Clock::system(),
            codes,
            pages: None,
            constants: Vec::new(),
            flush_delay: None,
            is_serving: true,
            fires_timers: true,
            faults: None,
        }
    }

    /// Creates the options of a command that works on the data and serves no clients.
    #[must_use]
    pub fn for_command() -> Self {
        Self { is_serving: false, fires_timers: false, ..Self::new(Arc::new(CodeChannels::default())) }
    }
}

/// Databases, contexts and bus of a node, without its edge.
pub struct Node {
    clients: Clients,
    /// Store of each context.
    stores: Vec<Store>,
    services: Vec<Served>,
    verify: Vec<(Store, Verify)>,
    /// Event bus.
    pub bus: Bus,
    /// Clock of the node.
    pub clock: Clock,
    /// The databases, by URL.
    pub databases: Vec<Database>,
    keys: KeyRing,
    limiter: Arc<dyn Limiter>,
    pages: Option<Router>,
    constants: Vec<(&'static str, &'static str)>,
    /// Pumps that do not run in the background.
    pumps: Mutex<Vec<Box<dyn Pump>>>,
    tasks: JoinSet<()>,
    folder: DataFolder,
}

impl Node {
    /// Opens the databases, applies migrations, and starts contexts and bus.
    ///
    /// # Errors
    /// If the data folder is in use, a database is unavailable, or a key is weak.
    pub async fn start(config: &Config, options: NodeOptions) -> anyhow::Result<Self> {
        let folder = DataFolder::open(&config.node.data)?;
        let mut engines = Engines::new(config, &folder, options.flush_delay);
        let clock = options.clock.clone();
        let main = engines.main().await?;
        for tables in TABLES {
            engines.of(config, tables.context).await?;
        }
        let mut tasks = JoinSet::new();
        let lease = lease_number(&main).await?;
        let ids = Arc::new(IdGenerator::new(lease.number()));
        // A node that is alone by the lock of its folder cannot lose its number, also while the process is suspended.
        if !engines.are_in(&folder) {
            keep_number(lease, engines.guarded(&clock), &mut tasks);
        }
        let keys = KeyRing::open(&folder.path().join("keys")).context("cannot open the signing keys")?;
        let limiter: Arc<dyn Limiter> = Arc::new(MemoryLimiter::default());
        let wiring = Wiring {
            config,
            engines: &mut engines,
            clock: clock.clone(),
            ids: Arc::clone(&ids),
            keys: keys.clone(),
            secret: Secret::new(folder.secret("account.secret")?),
            codes: options.codes,
            is_serving: options.is_serving,
            limiter: Arc::clone(&limiter),
            outbound: Arc::new(HttpOutbound::new()?),
            payment_secret: folder.secret("payment.secret")?,
            holder: folder.name()?,
        };
        let (clients, mut contexts) = wiring.start().await?;
        let delivery = pulse_bus::Options { faults: options.faults, ..pulse_bus::Options::of(folder.name()?) };
        let bus = start_bus(&main, &mut contexts, (clock.clone(), ids), delivery).await?;
        let mut pumps: Vec<Box<dyn Pump>> = contexts.iter_mut().flat_map(|context| context.pumps.drain(..)).collect();
        if options.fires_timers {
            pumps.drain(..).for_each(|pump| drop(tasks.spawn(pump.run())));
        }
        chores::start(&mut contexts, (&bus, &clock, &keys), config.retention.outbox, &mut tasks);
        let mut node = Self {
            clients,
            stores: contexts.iter().map(|context| context.store.clone()).collect(),
            verify: contexts.iter().filter_map(RunningContext::verify_target).collect(),
            services: contexts.into_iter().flat_map(|context| context.services).collect(),
            bus,
            clock,
            databases: engines.into_opened(),
            keys,
            limiter,
            pages: options.pages,
            constants: options.constants,
            pumps: Mutex::new(pumps),
            tasks,
            folder,
        };
        if options.is_serving && config.verify.is_on() {
            let watch = node.watch(node.folder.name()?, config.verify)?;
            node.tasks.spawn(watch.run());
        }
        Ok(node)
    }

    /// Returns the data that `pulse verify` reads.
    #[must_use]
    pub fn verify_targets(&self) -> VerifyTargets {
        VerifyTargets {
            contexts: self.verify.clone(),
            stock: self.clients.stock.clone(),
            coupons: self.clients.coupons.clone(),
            orders: self.clients.orders.clone(),
            payments: self.clients.payments.client.clone(),
            clock: self.clock.clone(),
            is_exclusive: self.databases.iter().all(|database| !database.is_shared()),
            throttle: None,
        }
    }

    /// Creates the periodic verification of the invariants. A lease selects one of the nodes that share a database.
    ///
    /// # Errors
    /// If the store of the lease is missing.
    pub fn watch(&self, holder: String, config: VerifySection) -> anyhow::Result<Watch> {
        let leases = self.store("stock").cloned().context("the stock context has no store")?;
        Ok(Watch::new(self.verify_targets(), leases, holder, config))
    }

    /// Returns the client of the account context.
    #[must_use]
    pub fn accounts(&self) -> &AccountClient {
        &self.clients.accounts.client
    }

    /// Returns the clients of the shop context.
    #[must_use]
    pub fn shops(&self) -> &Shops {
        &self.clients.shops
    }

    /// Returns the client of the stock context.
    #[must_use]
    pub fn stock(&self) -> &StockClient {
        &self.clients.stock
    }

    /// Returns the client of the marketing context.
    #[must_use]
    pub fn coupons(&self) -> &CouponClient {
        &self.clients.coupons
    }

    /// Returns the client of the order context.
    #[must_use]
    pub fn orders(&self) -> &OrderClient {
        &self.clients.orders
    }

    /// Returns the client of the payment context.
    #[must_use]
    pub fn payments(&self) -> &PaymentClient {
        &self.clients.payments.client
    }

    /// Returns the built-in payment provider, if enabled.
    #[must_use]
    pub fn sandbox(&self) -> Option<&pulse_payment::Sandbox> {
        self.clients.payments.sandbox.as_ref()
    }

    /// Returns the client of the kitchen context.
    #[must_use]
    pub fn kitchens(&self) -> &KitchenClient {
        &self.clients.kitchens
    }

    /// Returns the client of the sale context.
    #[must_use]
    pub fn sales(&self) -> &SaleClient {
        &self.clients.sales
    }

    /// Returns the keys that sign access tokens.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Returns the store of a context.
    #[must_use]
    pub fn store(&self, context: &str) -> Option<&Store> {
        self.stores.iter().find(|store| store.context() == context)
    }

    /// Completes all due work, on a node whose pumps do not run in the background. Returns the number of completed items.
    ///
    /// # Errors
    /// If a database is unavailable.
    pub async fn fire_timers(&self) -> anyhow::Result<usize> {
        let mut count = 0;
        for pump in self.pumps.lock().await.iter_mut() {
            count += pump.run_due().await.map_err(|error| anyhow::anyhow!(error.report()))?;
        }
        Ok(count)
    }

    /// Adds public pages. Must be called before [`Node::bind`].
    pub fn add_pages(&mut self, pages: Router) {
        self.pages = Some(self.pages.take().unwrap_or_default().merge(pages));
    }

    /// Builds the edge over the contexts and binds it.
    ///
    /// # Errors
    /// If the address is in use, or two routes overlap.
    pub fn bind(&self, config: &Config, listen: SocketAddr) -> anyhow::Result<Server> {
        let access = self.clients.accounts.access.clone();
        let deps = Deps {
            clock: self.clock.clone(),
            limiter: Arc::clone(&self.limiter),
            keys: self.keys.clone(),
            current_principal: Box::new(move |principal, issued_at| access.current(principal, issued_at)),
        };
        let edge = Edge::builder(config.edge.clone(), deps).sampling(config.telemetry.sampling());
        let mut edge = self
            .services
            .iter()
            .fold(edge, pulse_edge::EdgeBuilder::service)
            .descriptors(pulse_contract::FILE_DESCRIPTOR_SET)
            .openapi(Bytes::from_static(pulse_contract::OPENAPI.as_bytes()));
        edge = edge.pages(pages::webhooks(self.payments().clone(), self.clock.clone()));
        if let Some(sandbox) = self.sandbox() {
            edge = edge.pages(pages::pay(sandbox.clone()));
        }
        if let Some(pages) = &self.pages {
            edge = edge.pages(pages.clone());
        }
        for (path, body) in &self.constants {
            edge = edge.constant("GET", path, *body).constant("POST", path, *body);
        }
        let server = edge.build()?.bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
        let page_base = &self.clients.payments.page_base;
        page_base.set(&config.edge.public_url);
        page_base.set(&own_url(server.address()));
        Ok(server)
    }

    /// Stops the event bus and the background tasks.
    pub async fn stop(mut self) {
        self.bus.stop().await;
        self.tasks.shutdown().await;
    }
}

/// Returns the URL of a listen address; `localhost` if the node listens on all addresses.
fn own_url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        return format!("http://localhost:{}", address.port());
    }
    format!("http://{address}")
}

/// Leases the node number that is part of generated IDs: the one that was not used for the longest time.
///
/// The lease uses the clock of the machine, also if the node has the virtual clock of a test.
async fn lease_number(database: &Database) -> anyhow::Result<NodeLease> {
    let holder = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
    let store = Store::open(database, "node", &[], Clock::system(), Arc::new(IdGenerator::new(0))).await?;
    NodeLease::acquire(&store, &holder, NODE_LEASE).await.context("cannot lease a number for this node")
}

/// Keeps the lease of the node number. When it is lost, the process ends, because another node could generate the same IDs;
/// until then nothing is written to the databases.
fn keep_number<'a>(lease: NodeLease, written: impl Iterator<Item = &'a Database>, tasks: &mut JoinSet<()>) {
    written.for_each(|database| database.write_only_as(&lease));
    tasks.spawn(async move {
        let error = lease.keep().await;
        tracing::error!(%error, "lease of the node number lost; stopping, so that no ID is generated twice");
        std::process::exit(EXIT_LEASE_LOST);
    });
}

/// Exit code of a node that lost its number, for the supervisor that restarts it.
const EXIT_LEASE_LOST: i32 = 75;

async fn start_bus(
    database: &Database,
    contexts: &mut [RunningContext],
    (clock, ids): (Clock, Arc<IdGenerator>),
    options: pulse_bus::Options,
) -> anyhow::Result<Bus> {
    let mut builder = Bus::builder(options);
    for context in contexts {
        builder = builder.outbox(&context.store);
        for consumer in context.consumers.drain(..) {
            builder = builder.consumer(consumer);
        }
    }
    Ok(builder.start(database, clock, ids).await?)
}
