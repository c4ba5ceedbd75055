//! Those whom a flash sale has admitted become orders, in batches, beside plain inserts of the same order rows through the
//! same store; and how long those who follow the orders need.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use futures::stream::{self, StreamExt, TryStreamExt};
use pulse_bench::{Outcome, Progress, alternate};
use pulse_bus::Mode;
use pulse_contract::Money;
use pulse_contract::order::v1::{OrderKind, PlaceSaleOrdersRequest, SaleOffer, SaleOrder, SaleOrderState};
use pulse_contract::stock::v1::{GetStockRequest, PutResourceRequest, ResourceKind, ResourceRef, StockRules};
use pulse_kernel::{Cx, IdGenerator, Timestamp};
use pulse_store::{Commit, Insert, Migration, Statement, Store, values};

use super::super::arguments::Bench;
use super::town::Town;
use super::{Figure, Output};

/// Pairs of rounds; a round takes seconds, not one.
const ROUNDS: usize = 3;
/// How many batches are under way at the same time: while one is written, the next ones are decided.
const IN_FLIGHT: usize = 4;
/// The number in the ids of admissions and of rows of the reference; no node of a benchmark gets as far.
const GATE_NUMBER: u16 = 1_022;
/// Nobody pays, and nobody is late.
const PAY_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);
/// Whose the units are.
const SHOP: i64 = 1;

const TABLES: &[Migration] = &[Migration {
    version: 1,
    name: "orders",
    sql: "CREATE TABLE plain_orders (id {id} NOT NULL PRIMARY KEY, shop_id BIGINT NOT NULL, \
          customer_id BIGINT NOT NULL, pre_order_id BIGINT, state BIGINT NOT NULL, payment_state BIGINT NOT NULL, \
          version BIGINT NOT NULL, placed_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, body {bytes} NOT NULL);
          CREATE UNIQUE INDEX plain_orders_pre_order ON plain_orders (pre_order_id);",
}];

/// The columns of an order.
const COLUMNS: [&str; 10] = [
    "id",
    "shop_id",
    "customer_id",
    "pre_order_id",
    "state",
    "payment_state",
    "version",
    "placed_at",
    "updated_at",
    "body",
];

pub(super) async fn run(plan: &Bench, output: &mut Output) -> anyhow::Result<()> {
    let town = Town::build(plan, 1).await?;
    let drain = Drain::open(&town, plan).await?;
    for follow in [Follow::Afterwards, Follow::AtOnce] {
        output.add(drain.measure(follow).await?)?;
    }
    town.raze().await
}

/// When the consumers of events work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Follow {
    /// They are paused until every order is placed.
    Afterwards,
    /// While orders are placed.
    AtOnce,
}

struct Drain<'a> {
    town: &'a Town,
    orders: Store,
    plain: Store,
    ids: Arc<IdGenerator>,
    count: u32,
    batch: usize,
}

impl<'a> Drain<'a> {
    async fn open(town: &'a Town, plan: &Bench) -> anyhow::Result<Self> {
        let orders = town.node().store("order").ok_or_else(|| anyhow!("a node has orders"))?.clone();
        let ids = Arc::new(IdGenerator::new(GATE_NUMBER));
        let clock = town.node().clock.clone();
        let plain = Store::open(orders.database(), "plain", TABLES, clock, Arc::clone(&ids)).await?;
        let batch = usize::try_from(plan.batch)?;
        Ok(Self { town, orders, plain, ids, count: plan.admissions, batch })
    }

    async fn measure(&self, follow: Follow) -> anyhow::Result<Figure> {
        let name = match follow {
            Follow::Afterwards => "flash-sale-drain",
            Follow::AtOnce => "flash-sale-drain-followed",
        };
        let progress = Progress::on_stderr(name, u64::try_from(2 * ROUNDS)?);
        let mut behind = Vec::with_capacity(ROUNDS);
        let subject = async |_round| {
            let (outcome, catching_up) = self.place(follow).await?;
            behind.push(u64::try_from(catching_up.as_millis()).unwrap_or(u64::MAX));
            anyhow::Ok(outcome)
        };
        let rounds = alternate(ROUNDS, &progress, subject, async |_round| self.insert().await).await?;
        progress.finish();
        let reference = format!(
            "plain inserts of the same order rows through the same store, {} a commit; nothing reserved or told",
            self.batch
        );
        let measured = rounds.measurement(name, &reference, IN_FLIGHT, &rounds.subject_as_one());
        behind.sort_unstable();
        Ok(Figure::from(measured)
            .with("orders", self.count)
            .with("orders_per_batch", self.batch)
            .with("followers_caught_up_after_ms", behind.get(ROUNDS >> 1).copied().unwrap_or_default()))
    }

    /// Places an order for each of a new sale, and says how much later everybody knows of them.
    async fn place(&self, follow: Follow) -> anyhow::Result<(Outcome, Duration)> {
        let sale = self.new_sale().await?;
        let now = self.town.node().clock.now();
        let batches = self.batches().map(|numbers| self.request(sale, numbers, now));
        let requests: Vec<PlaceSaleOrdersRequest> = batches.collect();
        if follow == Follow::Afterwards {
            self.switch(Mode::Paused).await?;
        }
        let outcome = self.race(requests, async |request| self.place_batch(request).await).await?;
        self.switch(Mode::Running).await?;
        let placed = Instant::now();
        self.town.node().bus.drain().await;
        let caught_up = placed.elapsed();
        let request = GetStockRequest { shop_id: SHOP, resource: Some(units_of(sale)) };
        let left = self.town.node().stock().get_stock(&self.town.cx(), request).await;
        let left = left.map_err(|error| anyhow!(error.report()))?;
        ensure!((left.available, left.reserved) == (0, self.count.into()), "every unit is an order's: {left:?}");
        Ok((outcome, caught_up))
    }

    async fn place_batch(&self, request: PlaceSaleOrdersRequest) -> anyhow::Result<()> {
        let placed = self.town.node().orders().place_sale_orders(&self.town.cx(), request).await;
        let outcomes = placed.map_err(|error| anyhow!(error.report()))?.outcomes;
        let missing = outcomes.iter().find(|one| one.state() != SaleOrderState::Placed);
        missing.map_or(Ok(()), |missing| Err(anyhow!("there was a unit for everybody: {missing:?}")))
    }

    /// The same rows, as one would write them without stock, events and timers.
    async fn insert(&self) -> anyhow::Result<Outcome> {
        let query = Statement::new("SELECT body FROM order_orders ORDER BY id DESC LIMIT 1", values![]);
        let (body,): (Vec<u8>,) = self.orders.one(query).await?;
        let batches: Vec<usize> = self.batches().map(|numbers| numbers.len()).collect();
        self.race(batches, async |count| self.insert_batch(count, &body).await).await
    }

    async fn insert_batch(&self, count: usize, body: &[u8]) -> anyhow::Result<()> {
        let cx = self.town.cx();
        let rows = (0..count).fold(Insert::into("plain_orders", &COLUMNS), |rows, _| {
            let (id, nothing) = (self.ids.next_id(cx.now), None::<i64>);
            rows.row(values![id, SHOP, id, nothing, 1_i64, 1_i64, 1_i64, cx.now, cx.now, body.to_vec()])
        });
        Ok(self.plain.commit(&cx, Commit::new().insert(rows)).await?)
    }

    /// Does what is to be done, a few at a time, and measures how long each takes.
    async fn race<T>(&self, work: Vec<T>, one: impl AsyncFn(T) -> anyhow::Result<()>) -> anyhow::Result<Outcome> {
        let (begun, one) = (Instant::now(), &one);
        let latencies: Vec<Duration> = stream::iter(work)
            .map(|work| async move {
                let begun = Instant::now();
                one(work).await?;
                anyhow::Ok(begun.elapsed())
            })
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        let mut outcome = Outcome { elapsed: begun.elapsed(), ..Outcome::default() };
        for latency in latencies {
            outcome.record(0, 0, u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        }
        outcome.replies = u64::from(self.count);
        Ok(outcome)
    }

    /// The numbers of the admissions, cut into batches.
    fn batches(&self) -> impl Iterator<Item = std::ops::Range<u32>> {
        (0..self.count).step_by(self.batch).map(|first| {
            let next = first.saturating_add(u32::try_from(self.batch).unwrap_or(u32::MAX));
            first..next.min(self.count)
        })
    }

    fn request(&self, sale: i64, numbers: std::ops::Range<u32>, now: Timestamp) -> PlaceSaleOrdersRequest {
        let order = |number: u32| SaleOrder {
            order_id: self.ids.next_id(now),
            account_id: 1_000_000 + i64::from(number),
            quantity: 1,
            admitted_at: Some(now.into()),
            pay_until: Some(now.plus(PAY_WITHIN).into()),
        };
        PlaceSaleOrdersRequest { offer: Some(offer(sale)), orders: numbers.map(order).collect() }
    }

    async fn new_sale(&self) -> anyhow::Result<i64> {
        let cx: Cx = self.town.cx();
        let sale = self.ids.next_id(cx.now);
        let (resource, rules, on_hand) = (Some(units_of(sale)), Some(StockRules::default()), self.count.into());
        let request = PutResourceRequest { shop_id: SHOP, resource, rules, on_hand };
        let made = self.town.node().stock().put_resource(&cx, request).await;
        made.map(|_stock| sale).map_err(|error| anyhow!(error.report()))
    }

    async fn switch(&self, mode: Mode) -> anyhow::Result<()> {
        let bus = &self.town.node().bus;
        for consumer in bus.status() {
            bus.set_mode(consumer.consumer, mode).await.map_err(|error| anyhow!(error.report()))?;
        }
        Ok(())
    }
}

fn units_of(sale: i64) -> ResourceRef {
    ResourceRef { kind: ResourceKind::Sale.into(), id: sale }
}

fn offer(sale_id: i64) -> SaleOffer {
    SaleOffer {
        sale_id,
        shop_id: SHOP,
        shop_name: "The shop of the sale".to_owned(),
        kind: OrderKind::Goods.into(),
        product_id: 1,
        variant_id: 2,
        product_name: "What everybody wants".to_owned(),
        variant_name: "black".to_owned(),
        unit_price: Some(Money { minor: 9_900, currency: "CNY".to_owned() }),
        category_code: 0,
    }
}
