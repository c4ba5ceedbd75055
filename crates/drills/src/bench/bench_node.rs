//! A node in this process with a generated city, on a free port and a temporary folder.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use pulse_bench::{Measurement, Paired, Progress, Request, Requests, Side};
use pulse_city::{City, Size};
use pulse_contract::account::v1::{RequestCodeRequest, SignInWithCodeRequest, request_code_request};
use pulse_contract::shop::v1::{ExportShopsRequest, ImportShopsRequest};
use pulse_kernel::{Cx, IdGenerator};
use pulse_node::config::SecretUrl;
use pulse_node::pages::DevInbox;
use pulse_node::{Config, Node, NodeOptions};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::plain_insert::InsertRoutes;
use super::plan::BenchPlan;
use crate::demo::{DemoCity, imported_shop};

/// The constant route, path and answer: the server only routes the request.
pub(super) const CONSTANT: (&str, &str) = ("/bench/constant", "ok");
/// Number of signed-in accounts that send requests: more than one, as in production, and few enough to keep their tokens.
const ACCOUNTS: u32 = 64;
/// Node number in the ids of the reference rows. Node numbers of real nodes are assigned from 0, so they do not collide.
const ROWS_NODE_NUMBER: u16 = 1_023;
/// Number of shops per import call.
const BATCH: usize = 1_000;
/// Multiplies the rate limits of the contract, so that no benchmark reaches one; each limit is still checked.
const RATE_FACTOR: NonZeroU32 = NonZeroU32::new(10_000).expect("not zero");

/// A node with its city and its server.
pub(super) struct BenchNode {
    pub(super) city: City,
    pub(super) address: SocketAddr,
    node: Node,
    tokens: Vec<String>,
    shop_count: u32,
    stop: oneshot::Sender<()>,
    server: JoinHandle<bool>,
    _folder: tempfile::TempDir,
}

impl BenchNode {
    /// Starts a node with signed-in accounts and without shops. `shops_max` limits the city for later
    /// [`BenchNode::open_shops`] calls.
    pub(super) async fn start(plan: &BenchPlan, shops_max: u32) -> anyhow::Result<Self> {
        let folder = plan.temporary_folder()?;
        let mut config = Config::default();
        folder.path().join("data").clone_into(&mut config.node.data);
        config.edge.capacity.rate_factor = RATE_FACTOR;
        if let Some(url) = &plan.store {
            config.store.url = SecretUrl::new(url);
        }
        let inbox = DevInbox::default();
        let inserts = InsertRoutes::default();
        let options = NodeOptions {
            constants: vec![CONSTANT],
            pages: Some(inserts.router()),
            flush_delay: plan.flush_delay,
            ..NodeOptions::new(Arc::new(inbox.clone()))
        };
        let node = Node::start(&config, options).await?;
        let ids = Arc::new(IdGenerator::new(ROWS_NODE_NUMBER));
        inserts.open(&node, ids, (folder.path(), plan.flush_delay)).await?;
        let made = DemoCity::make_categories(&node.shops().shops, &Cx::system("bench", node.clock.now())).await;
        made.map_err(|error| anyhow!(error.report()))?;
        let city = City::new(1, Size { shops: shops_max, people: ACCOUNTS, couriers: 0 });
        let mut tokens = Vec::new();
        for person in city.people() {
            tokens.push(sign_in(&node, &inbox, person).await?);
        }
        let server = node.bind(&config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(server.run(async move {
            // A dropped sender stops the server as well.
            stopped.await.unwrap_or_default();
        }));
        Ok(Self { city, address, node, tokens, shop_count: 0, stop, server, _folder: folder })
    }

    /// Opens the shops of the city up to this count, and waits until all their events are consumed.
    pub(super) async fn open_shops(&mut self, count: u32) -> anyhow::Result<()> {
        let mut shops = (self.shop_count..count).map(|number| imported_shop(self.city.shop(number))).peekable();
        while shops.peek().is_some() {
            let request = ImportShopsRequest { shops: shops.by_ref().take(BATCH).collect() };
            let shops = &self.node.shops().shops;
            shops.import_shops(&self.cx(), request).await.map_err(|error| anyhow!(error.report()))?;
        }
        self.shop_count = count;
        self.node.bus.catch_up().await;
        Ok(())
    }

    /// ID of the first shop.
    pub(super) async fn first_shop(&self) -> anyhow::Result<i64> {
        use futures::StreamExt;
        let shops = self.node.shops().shops.export_shops(&self.cx(), ExportShopsRequest::default()).await;
        let first = shops.map_err(|error| anyhow!(error.report()))?.next().await.context("the city has no shop")?;
        Ok(first.map_err(|error| anyhow!(error.report()))?.shop_id)
    }

    /// GET requests of these targets in turn, each with the token of another account.
    pub(super) fn gets(&self, targets: impl IntoIterator<Item = String>) -> Requests {
        let host = self.address.to_string();
        let asked = targets.into_iter().zip(self.tokens.iter().cycle());
        Requests::cycle(asked.map(|(target, token)| Request::get(&host, &target).bearer(token).render()).collect())
    }

    /// Measures requests against the constant route; both have the same headers.
    pub(super) async fn against_constant(
        &self,
        plan: &BenchPlan,
        name: &str,
        (label, requests): (&str, Requests),
    ) -> anyhow::Result<Measurement> {
        let mut paired = Paired::new(name, usize::try_from(plan.connections)?);
        paired.rounds = usize::try_from(plan.rounds)?;
        let subject = Side { label: label.to_owned(), address: self.address, requests, refusal: None };
        let reference = Side {
            label: "a constant route of the same server".to_owned(),
            address: self.address,
            requests: self.gets(self.tokens.iter().map(|_| CONSTANT.0.to_owned())),
            refusal: None,
        };
        let progress = Progress::on_stderr(name, paired.steps());
        let measured = paired.run(&subject, &reference, &progress).await;
        progress.finish();
        Ok(measured?)
    }

    /// The node.
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// Access tokens of the accounts.
    pub(super) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Context of a system call at the current time.
    pub(super) fn cx(&self) -> Cx {
        Cx::system("bench", self.node.clock.now())
    }

    /// Stops the server and the node, and removes the folder.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stop.send(()).unwrap_or_default();
        self.server.await?;
        self.node.stop().await;
        Ok(())
    }
}

async fn sign_in(node: &Node, inbox: &DevInbox, person: pulse_city::Person) -> anyhow::Result<String> {
    let cx = Cx::system("bench", node.clock.now());
    let destination = Some(request_code_request::Destination::Phone(person.phone.clone()));
    let asked = node.accounts().request_code(&cx, RequestCodeRequest { destination }).await;
    asked.map_err(|error| anyhow!(error.report()))?;
    let request = SignInWithCodeRequest {
        code: inbox.newest_code_to(&person.phone).unwrap_or_default(),
        phone: person.phone,
        display_name: person.name,
    };
    let session = node.accounts().sign_in_with_code(&cx, request).await.map_err(|error| anyhow!(error.report()))?;
    Ok(session.access_token)
}
