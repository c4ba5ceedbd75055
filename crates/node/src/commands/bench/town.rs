//! A node in this process with a generated city, on a free port and a folder that disappears with it.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use pulse_bench::{Request, Requests};
use pulse_city::{City, Size};
use pulse_contract::account::v1::{RequestCodeRequest, SignInWithCodeRequest, request_code_request};
use pulse_contract::shop::v1::{ExportShopsRequest, ImportShopsRequest};
use pulse_kernel::{Cx, IdGenerator};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::super::arguments::Bench;
use super::insert::Rows;
use crate::Config;
use crate::demo::{self, DemoCity};
use crate::node::{Node, NodeOptions};
use crate::pages::DevInbox;

/// The route that costs nothing but routing.
pub(super) const CONSTANT: (&str, &str) = ("/bench/constant", "ok");
/// How many signed-in people call: more than one, as in life, and few enough to know their tokens.
const PEOPLE: u32 = 64;
/// The number in the ids of the rows of the reference; no node of a benchmark gets as far.
const ROWS_NUMBER: u16 = 1_023;
/// How many shops come in one call.
const BATCH: usize = 1_000;
/// High enough that no limit of the contract is reached; each is checked all the same.
const RATE_FACTOR: NonZeroU32 = NonZeroU32::new(10_000).expect("not zero");

/// The node and its city.
pub(super) struct Town {
    pub(super) city: City,
    pub(super) address: SocketAddr,
    node: Node,
    tokens: Vec<String>,
    shop_count: u32,
    stop: oneshot::Sender<()>,
    server: JoinHandle<bool>,
    _folder: tempfile::TempDir,
}

impl Town {
    /// A node without shops whose people are signed in.
    pub(super) async fn build(plan: &Bench, shops_max: u32) -> anyhow::Result<Self> {
        let folder = super::folder(plan)?;
        let mut config = Config::default();
        folder.path().join("data").clone_into(&mut config.node.data);
        config.edge.capacity.rate_factor = RATE_FACTOR;
        if let Some(url) = &plan.store {
            config.store.url = crate::config::Secret::new(url);
        }
        let inbox = DevInbox::default();
        let rows = Rows::default();
        let options = NodeOptions {
            constants: vec![CONSTANT],
            pages: Some(rows.router()),
            flush_delay: plan.flush_delay,
            ..NodeOptions::new(Arc::new(inbox.clone()))
        };
        let node = Node::start(&config, options).await?;
        let ids = Arc::new(IdGenerator::new(ROWS_NUMBER));
        rows.open(&node, ids, (folder.path(), plan.flush_delay)).await?;
        let made = DemoCity::make_categories(&node.shops().shops, &Cx::system("bench", node.clock.now())).await;
        made.map_err(|error| anyhow!(error.report()))?;
        let city = City::new(1, Size { shops: shops_max, people: PEOPLE, couriers: 0 });
        let mut tokens = Vec::new();
        for person in city.people() {
            tokens.push(sign_in(&node, &inbox, person).await?);
        }
        let server = node.bind(&config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(server.run(async move {
            // Its sender going away is a reason to stop as well.
            stopped.await.unwrap_or_default();
        }));
        Ok(Self { city, address, node, tokens, shop_count: 0, stop, server, _folder: folder })
    }

    /// Opens the shops of the city up to this number, and waits until all that follows from it is done.
    pub(super) async fn grow(&mut self, count: u32) -> anyhow::Result<()> {
        let mut shops = (self.shop_count..count).map(|number| demo::imported(self.city.shop(number))).peekable();
        while shops.peek().is_some() {
            let request = ImportShopsRequest { shops: shops.by_ref().take(BATCH).collect() };
            let cx = Cx::system("bench", self.node.clock.now());
            self.node.shops().shops.import_shops(&cx, request).await.map_err(|error| anyhow!(error.report()))?;
        }
        self.shop_count = count;
        self.node.bus.drain().await;
        Ok(())
    }

    /// The id of the first shop.
    pub(super) async fn first_shop(&self) -> anyhow::Result<i64> {
        use futures::StreamExt;
        let cx = Cx::system("bench", self.node.clock.now());
        let shops = self.node.shops().shops.export_shops(&cx, ExportShopsRequest::default()).await;
        let first = shops.map_err(|error| anyhow!(error.report()))?.next().await.context("the city has no shop")?;
        Ok(first.map_err(|error| anyhow!(error.report()))?.shop_id)
    }

    /// Asks for these in turn, each by another signed-in person.
    pub(super) fn gets(&self, targets: impl IntoIterator<Item = String>) -> Requests {
        let host = self.address.to_string();
        let asked = targets.into_iter().zip(self.tokens.iter().cycle());
        Requests::cycle(asked.map(|(target, token)| Request::get(&host, &target).bearer(token).render()).collect())
    }

    /// Asks for the constant route, with the same headers.
    pub(super) fn constant(&self) -> Requests {
        self.gets(self.tokens.iter().map(|_| CONSTANT.0.to_owned()))
    }

    /// The node.
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// The tokens of the people.
    pub(super) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// The context of the platform itself, now.
    pub(super) fn cx(&self) -> Cx {
        Cx::system("bench", self.node.clock.now())
    }

    /// How many people are signed in.
    pub(super) fn people_count(&self) -> usize {
        self.tokens.len()
    }

    /// Closes everything.
    pub(super) async fn raze(self) -> anyhow::Result<()> {
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
