//! Complete node in the test process, with its own database and a clock that the test controls.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pulse_bus::{Bus, Faults};
use pulse_contract::METHODS;
use pulse_contract::account::v1::AccountClient;
use pulse_contract::idempotency::Call;
use pulse_contract::kitchen::v1::KitchenClient;
use pulse_contract::marketing::v1::CouponClient;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::payment::v1::PaymentClient;
use pulse_contract::sale::v1::SaleClient;
use pulse_contract::shop::v1::{CatalogClient, ShopClient, SupplierClient};
use pulse_contract::stock::v1::StockClient;
use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Actor, Clock, Cx, Idempotency, Timestamp};
use pulse_node::config::{SecretUrl, VerifySection};
use pulse_node::pages::DevInbox;
use pulse_node::verify::{Repair, Watch};
use pulse_node::{Config, Node, NodeOptions};
use pulse_payment::Sandbox;
use pulse_store::Store;
use pulse_token::KeyRing;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::Engine;
use crate::engine::Fresh;
use crate::http::Http;

/// Start time of tests: Monday, 2026-05-04, noon in Shanghai (04:00 UTC).
const START: Timestamp = Timestamp::from_millis(1_777_867_200_000);
/// IP address of anonymous callers.
const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Maximum number of rounds of timers and events in [`TestNode::settle`].
const ROUNDS_MAX: usize = 100;
/// Maximum number of connections to the database of one test; several tests run concurrently.
const CONNECTIONS_MAX: u32 = 8;

/// Running node. Dropping it fails the test if an event is not delivered; [`TestNode::finish`] waits for delivery.
pub struct TestNode {
    node: Option<Node>,
    edge: Option<Edge>,
    config: Config,
    faults: Option<Faults>,
    clock: VirtualClock,
    inbox: DevInbox,
    keys: KeyRing,
    // Dropped last, in this order: the folder, then the server.
    _folder: TempDir,
    _database: Fresh,
}

/// HTTP and gRPC server of a node on a free port.
struct Edge {
    http: Http,
    leave: oneshot::Sender<()>,
    served: JoinHandle<bool>,
}

impl TestNode {
    /// Starts a node on an empty database of the engine, at the start time of tests.
    ///
    /// # Panics
    /// If the node does not start.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, |_config| {}).await
    }

    /// As [`TestNode::start`], with a changed configuration.
    ///
    /// # Panics
    /// If the node does not start.
    pub async fn start_with(engine: Engine, change: impl FnOnce(&mut Config)) -> Self {
        Self::begin(engine, change, None).await
    }

    /// As [`TestNode::start_with`], with injected faults in the delivery of events. [`TestNode::settle`] advances the clock
    /// then.
    ///
    /// # Panics
    /// If the node does not start.
    pub async fn start_faulty(engine: Engine, faults: Faults, change: impl FnOnce(&mut Config)) -> Self {
        Self::begin(engine, change, Some(faults)).await
    }

    async fn begin(engine: Engine, change: impl FnOnce(&mut Config), faults: Option<Faults>) -> Self {
        let database = engine.fresh(make_tables).await;
        let folder = tempfile::Builder::new().prefix("pulse-node-").tempdir().expect("a folder can be made");
        let mut config = Config::default();
        config.node.data = folder.path().join("data");
        config.store.url = SecretUrl::new(database.url.clone());
        config.store.connections_max = CONNECTIONS_MAX;
        config.edge.drain.deadline = Duration::from_secs(5);
        config.payment.has_sandbox = true;
        // Tests start the verification explicitly.
        config.verify.every = Duration::ZERO;
        change(&mut config);
        let (clock, inbox) = (VirtualClock::starting_at(START), DevInbox::default());
        let node = start(&config, faults, &clock, &inbox).await;
        let keys = KeyRing::open(&config.node.data.join("keys")).expect("the node has made its keys");
        Self { node: Some(node), edge: None, config, faults, clock, inbox, keys, _folder: folder, _database: database }
    }

    /// Stops the node gracefully and starts it again on the same data. Clients that were returned before belong to the
    /// stopped node.
    ///
    /// # Panics
    /// If the node does not start.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.node = Some(start(&self.config, self.faults, &self.clock, &self.inbox).await);
    }

    /// Fires due timers and delivers events, repeatedly, until none of both is left.
    ///
    /// # Panics
    /// If an event cannot be delivered at the current time, or after 100 rounds.
    pub async fn settle(&self) {
        for _ in 0..ROUNDS_MAX {
            let left = self.bus().drain().await;
            if let Some(faults) = self.faults.filter(|_| !left.is_empty()) {
                self.advance(faults.late_for);
                continue;
            }
            assert_eq!(left, Vec::<String>::new(), "every event is delivered");
            if self.fire_timers().await == 0 {
                return;
            }
        }
        panic!("timers and events still cause each other after {ROUNDS_MAX} rounds");
    }

    /// Fires all due timers. Returns their number.
    ///
    /// # Panics
    /// If a timer fails.
    pub async fn fire_timers(&self) -> usize {
        self.node().fire_timers().await.expect("timers fire")
    }

    /// Settles the node, then verifies all invariants within and between the contexts, from the stored rows.
    ///
    /// # Panics
    /// If an invariant is violated.
    pub async fn assert_books(&self) {
        self.settle().await;
        let report = pulse_node::verify::verify(self.node().verify_targets(), self.bus(), Repair::Nothing)
            .await
            .expect("the tables can be read");
        assert!(report.holds(), "invariants are violated: {:#?}", report.findings);
    }

    /// As [`TestNode::assert_books`], for one context.
    ///
    /// # Panics
    /// If an invariant is violated.
    pub async fn assert_books_of(&self, context: &str) {
        self.settle().await;
        let violated = self.violations_of(context).await;
        assert!(violated.is_empty(), "invariants of {context} are violated: {violated:#?}");
    }

    /// Returns the violated invariants of one context, with their subjects.
    ///
    /// # Panics
    /// If the database is unavailable.
    pub async fn violations_of(&self, context: &str) -> Vec<(&'static str, String)> {
        let targets = self.node().verify_targets();
        let report = pulse_node::verify::verify_context(&targets, context).await.expect("the tables can be read");
        let violation =
            |found: pulse_node::verify::Violation| (found.invariant, format!("{}: {}", found.subject, found.detail));
        report.findings.into_iter().map(violation).collect()
    }

    /// Creates the periodic verification of the running node. Tests run it explicitly.
    ///
    /// # Panics
    /// If the node does not run.
    #[must_use]
    pub fn watch(&self, holder: &str) -> Watch {
        let config = VerifySection { read_budget_percent: 100, ..VerifySection::default() };
        self.node().watch(holder.to_owned(), config).expect("there are tables")
    }

    /// Waits until every event is delivered, then stops the node.
    ///
    /// # Panics
    /// If an event cannot be delivered.
    pub async fn finish(mut self) {
        self.settle().await;
        self.stop().await;
    }

    async fn stop(&mut self) {
        if let Some(edge) = self.edge.take() {
            edge.leave.send(()).expect("the edge runs");
            assert!(edge.served.await.expect("the edge does not panic"), "the edge has finished every request");
        }
        if let Some(node) = self.node.take() {
            node.stop().await;
        }
    }

    /// Returns an HTTP client of the node. The first call starts the server on a free port.
    ///
    /// # Panics
    /// If the server does not start.
    pub fn http(&mut self) -> Http {
        let edge = self.edge.take().unwrap_or_else(|| {
            let server = self.node().bind(&self.config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("it binds");
            let http = Http::to(server.address());
            let (leave, left) = oneshot::channel::<()>();
            // A dropped sender stops the server too.
            let served = tokio::spawn(server.run(async move { left.await.unwrap_or(()) }));
            Edge { http, leave, served }
        });
        let http = edge.http.clone();
        self.edge = Some(edge);
        http
    }

    fn node(&self) -> &Node {
        self.node.as_ref().expect("the node runs")
    }

    /// Returns the client of the account context.
    #[must_use]
    pub fn accounts(&self) -> &AccountClient {
        self.node().accounts()
    }

    /// Returns the client for merchants, shops, categories and nearby search.
    #[must_use]
    pub fn shops(&self) -> &ShopClient {
        &self.node().shops().shops
    }

    /// Returns the client for products and menus.
    #[must_use]
    pub fn catalog(&self) -> &CatalogClient {
        &self.node().shops().catalog
    }

    /// Returns the client for supplier offers.
    #[must_use]
    pub fn suppliers(&self) -> &SupplierClient {
        &self.node().shops().suppliers
    }

    /// Returns the client of the stock context.
    #[must_use]
    pub fn stock(&self) -> &StockClient {
        self.node().stock()
    }

    /// Returns the client of the marketing context.
    #[must_use]
    pub fn coupons(&self) -> &CouponClient {
        self.node().coupons()
    }

    /// Returns the client of the order context.
    #[must_use]
    pub fn orders(&self) -> &OrderClient {
        self.node().orders()
    }

    /// Returns the client of the payment context.
    #[must_use]
    pub fn payments(&self) -> &PaymentClient {
        self.node().payments()
    }

    /// Returns the built-in payment provider.
    ///
    /// # Panics
    /// If the configuration disables it.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        self.node().sandbox().expect("the sandbox is enabled")
    }

    /// Returns the client of the kitchen context.
    #[must_use]
    pub fn kitchens(&self) -> &KitchenClient {
        self.node().kitchens()
    }

    /// Returns the client of the sale context.
    #[must_use]
    pub fn sales(&self) -> &SaleClient {
        self.node().sales()
    }

    /// Returns the store of a context, for reads and writes that no call offers.
    ///
    /// # Panics
    /// If the context does not exist.
    #[must_use]
    pub fn store(&self, context: &str) -> &Store {
        self.node().store(context).expect("the context has tables")
    }

    /// Returns the event bus.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.node().bus
    }

    /// Returns the current time of the test.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Advances the clock of the test.
    pub fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// Sets the clock of the test to an RFC 3339 timestamp.
    ///
    /// # Panics
    /// If the text is not a timestamp.
    pub fn set_time(&self, text: &str) {
        let instant: pulse_contract::Timestamp =
            serde_json::from_value(serde_json::Value::String(text.to_owned())).expect("an instant");
        self.clock.set(instant.into());
    }

    /// Returns the signing keys of the node.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Returns a secret from the data folder of the node.
    ///
    /// # Panics
    /// If the secret does not exist.
    #[must_use]
    pub fn secret(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.config.node.data.join(name)).expect("the node has made its secrets")
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::Virtual(self.clock.clone())
    }

    /// Returns the newest one-time code that was sent to a phone or an email address.
    ///
    /// # Panics
    /// If no code was sent.
    #[must_use]
    pub fn code_for(&self, destination: &str) -> String {
        self.inbox.newest_code_to(destination).unwrap_or_else(|| panic!("a code was sent to {destination}"))
    }

    /// Returns the request context of the platform, which has all permissions.
    #[must_use]
    pub fn cx(&self) -> Cx {
        Cx::system("test", self.now())
    }

    /// Returns the request context of an anonymous caller.
    #[must_use]
    pub fn anonymous(&self) -> Cx {
        Cx { client_ip: Some(CALLER), ..self.cx().with_actor(Actor::Anonymous) }
    }

    /// Adds an idempotency key to a context, as the edge does for the header `Idempotency-Key`.
    ///
    /// # Panics
    /// If no rpc has the name.
    #[must_use]
    pub fn keyed<T: prost::Message>(&self, cx: Cx, key: &str, rpc: &str, request: &T) -> Cx {
        let spec = METHODS.iter().find(|spec| spec.name == rpc).unwrap_or_else(|| panic!("no rpc is called {rpc}"));
        let fresh = Idempotency { scope: String::new(), key: key.to_owned(), fingerprint: [0; 32] };
        Call { spec }.bind(Cx { idempotency: Some(Arc::new(fresh)), ..cx }, request)
    }
}

/// Creates the tables of all contexts: starts a node on the database and stops it.
async fn make_tables(url: String) {
    let folder = tempfile::Builder::new().prefix("pulse-tables-").tempdir().expect("a folder can be made");
    let mut config = Config::default();
    config.node.data = folder.path().to_owned();
    config.store.url = SecretUrl::new(url);
    start(&config, None, &VirtualClock::starting_at(START), &DevInbox::default()).await.stop().await;
}

async fn start(config: &Config, faults: Option<Faults>, clock: &VirtualClock, inbox: &DevInbox) -> Node {
    let options = NodeOptions {
        clock: Clock::Virtual(clock.clone()),
        // Tests control timers: `settle` fires due timers.
        fires_timers: false,
        faults,
        ..NodeOptions::new(Arc::new(inbox.clone()))
    };
    Node::start(config, options).await.expect("the node starts")
}

impl Drop for TestNode {
    fn drop(&mut self) {
        let leftovers = self.node.as_ref().map(|node| node.bus.leftovers()).unwrap_or_default();
        assert!(std::thread::panicking() || leftovers.is_empty(), "events are not delivered: {leftovers:#?}");
    }
}

#[cfg(test)]
mod tests {
    use pulse_bus::Mode;

    use crate::{Engine, draft, run};

    #[test]
    fn a_test_that_leaves_an_event_behind_fails() {
        let left_behind = std::panic::catch_unwind(|| {
            run(Engine::Sqlite, async |node| {
                let owner = node.sign_up("+8613800138000").await;
                let merchant = node.merchant(&owner).await;
                let shop = node.applied_shop(&owner, &merchant, draft("Tea house")).await;
                node.bus().set_mode("account.staff_of_approved_shops", Mode::Paused).await.unwrap();
                node.approve(&shop).await;
            });
        });

        let panic = left_behind.expect_err("the test passed although an event is left");
        let message = panic.downcast_ref::<String>().expect("the panic has a message");
        assert!(message.contains("every event is delivered"), "{message}");
    }
}
