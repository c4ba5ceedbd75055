//! Creation of orders for admitted flash sale buyers, in batches, beside plain inserts of the same order rows through the
//! same store; and the time until all consumers have processed the events of the orders.

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

use super::bench_node::BenchNode;
use super::figure::{Figure, Output, outcome_of};
use super::plan::BenchPlan;

/// Number of pairs of rounds; a round takes several seconds.
const ROUNDS: usize = 3;
/// Number of concurrent batches: while one is written, the next ones are decided.
const IN_FLIGHT: usize = 4;
/// Node number in the ids of admissions and of reference rows; no node of a benchmark has it.
const IDS_NODE_NUMBER: u16 = 1_022;
/// Payment timeout of the orders: longer than the benchmark.
const PAY_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);
/// ID of the shop that owns the units.
const SHOP: i64 = 1;

const TABLES: &[Migration] = &[Migration {
    version: 1,
    name: "orders",
    sql: "CREATE TABLE plain_orders (id {id} NOT NULL PRIMARY KEY, shop_id BIGINT NOT NULL, \
          customer_id BIGINT NOT NULL, pre_order_id BIGINT, state BIGINT NOT NULL, payment_state BIGINT NOT NULL, \
          version BIGINT NOT NULL, placed_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, body {bytes} NOT NULL);
          CREATE UNIQUE INDEX plain_orders_pre_order ON plain_orders (pre_order_id);",
}];

/// Columns of the order table.
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

pub(super) async fn run(plan: &BenchPlan, output: &mut Output<'_>) -> anyhow::Result<()> {
    let node = BenchNode::start(plan, 1).await?;
    let measured = OrderCreation::open(&node, plan).await?;
    for consumers in [Consumers::Paused, Consumers::Running] {
        output.add(measured.measure(consumers).await?)?;
    }
    node.stop().await
}

/// State of the event consumers while orders are created.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Consumers {
    /// Paused until the last order is placed.
    Paused,
    /// Running, and competing for the database.
    Running,
}

struct OrderCreation<'a> {
    node: &'a BenchNode,
    orders: Store,
    plain: Store,
    ids: Arc<IdGenerator>,
    count: u32,
    batch: usize,
}

impl<'a> OrderCreation<'a> {
    async fn open(node: &'a BenchNode, plan: &BenchPlan) -> anyhow::Result<Self> {
        let orders = node.node().store("order").ok_or_else(|| anyhow!("a node has orders"))?.clone();
        let ids = Arc::new(IdGenerator::new(IDS_NODE_NUMBER));
        let clock = node.node().clock.clone();
        let plain = Store::open(orders.database(), "plain", TABLES, clock, Arc::clone(&ids)).await?;
        let batch = usize::try_from(plan.batch)?;
        Ok(Self { node, orders, plain, ids, count: plan.admissions, batch })
    }

    async fn measure(&self, consumers: Consumers) -> anyhow::Result<Figure> {
        let name = match consumers {
            Consumers::Paused => "flash-sale-orders",
            Consumers::Running => "flash-sale-orders-with-consumers",
        };
        let progress = Progress::on_stderr(name, u64::try_from(2 * ROUNDS)?);
        let mut caught_up = Vec::with_capacity(ROUNDS);
        let subject = async |_round| {
            let (outcome, lag) = self.place(consumers).await?;
            caught_up.push(u64::try_from(lag.as_millis()).unwrap_or(u64::MAX));
            anyhow::Ok(outcome)
        };
        let rounds = alternate(ROUNDS, &progress, subject, async |_round| self.insert().await).await?;
        progress.finish();
        let reference = format!(
            "plain inserts of the same order rows through the same store, {} per commit; no reservations or events",
            self.batch
        );
        let measured = rounds.measurement(name, &reference, IN_FLIGHT, &rounds.subject_as_one());
        caught_up.sort_unstable();
        Ok(Figure::from(measured)
            .with("orders", self.count)
            .with("orders_per_batch", self.batch)
            .with("consumers_caught_up_after_ms", caught_up.get(ROUNDS >> 1).copied().unwrap_or_default()))
    }

    /// Places one order per unit of a new sale. Returns the outcome, and the time until all events are consumed.
    async fn place(&self, consumers: Consumers) -> anyhow::Result<(Outcome, Duration)> {
        let sale = self.new_sale().await?;
        let now = self.node.node().clock.now();
        let batches = self.batches().map(|numbers| self.request(sale, numbers, now));
        let requests: Vec<PlaceSaleOrdersRequest> = batches.collect();
        if consumers == Consumers::Paused {
            self.switch(Mode::Paused).await?;
        }
        let outcome = self.run_concurrent(requests, async |request| self.place_batch(request).await).await?;
        self.switch(Mode::Running).await?;
        let placed = Instant::now();
        self.node.node().bus.catch_up().await;
        let lag = placed.elapsed();
        let request = GetStockRequest { shop_id: SHOP, resource: Some(units_of(sale)) };
        let left = self.node.node().stock().get_stock(&self.node.cx(), request).await;
        let left = left.map_err(|error| anyhow!(error.report()))?;
        ensure!(
            (left.available, left.reserved) == (0, self.count.into()),
            "all units are reserved by orders: {left:?}"
        );
        Ok((outcome, lag))
    }

    async fn place_batch(&self, request: PlaceSaleOrdersRequest) -> anyhow::Result<()> {
        let placed = self.node.node().orders().place_sale_orders(&self.node.cx(), request).await;
        let outcomes = placed.map_err(|error| anyhow!(error.report()))?.outcomes;
        let missing = outcomes.iter().find(|one| one.state() != SaleOrderState::Placed);
        missing
            .map_or(Ok(()), |missing| Err(anyhow!("an order was not placed although the sale has units: {missing:?}")))
    }

    /// Inserts the same order rows without stock, events and timers.
    async fn insert(&self) -> anyhow::Result<Outcome> {
        let query = Statement::new("SELECT body FROM order_orders ORDER BY id DESC LIMIT 1", values![]);
        let (body,): (Vec<u8>,) = self.orders.one(query).await?;
        let batches: Vec<usize> = self.batches().map(|numbers| numbers.len()).collect();
        self.run_concurrent(batches, async |count| self.insert_batch(count, &body).await).await
    }

    async fn insert_batch(&self, count: usize, body: &[u8]) -> anyhow::Result<()> {
        let cx = self.node.cx();
        let rows = (0..count).fold(Insert::into("plain_orders", &COLUMNS), |rows, _| {
            let (id, nothing) = (self.ids.next_id(cx.now), None::<i64>);
            rows.row(values![id, SHOP, id, nothing, 1_i64, 1_i64, 1_i64, cx.now, cx.now, body.to_vec()])
        });
        Ok(self.plain.commit(&cx, Commit::new().insert(rows)).await?)
    }

    /// Runs the jobs, [`IN_FLIGHT`] at a time, and measures the time of each.
    async fn run_concurrent<T>(
        &self,
        work: Vec<T>,
        one: impl AsyncFn(T) -> anyhow::Result<()>,
    ) -> anyhow::Result<Outcome> {
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
        let mut outcome = outcome_of(begun.elapsed(), &latencies);
        outcome.replies = u64::from(self.count);
        Ok(outcome)
    }

    /// The numbers of the admissions, in ranges of one batch.
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
        let cx: Cx = self.node.cx();
        let sale = self.ids.next_id(cx.now);
        let (resource, rules, on_hand) = (Some(units_of(sale)), Some(StockRules::default()), self.count.into());
        let request = PutResourceRequest { shop_id: SHOP, resource, rules, on_hand };
        let made = self.node.node().stock().put_resource(&cx, request).await;
        made.map(|_stock| sale).map_err(|error| anyhow!(error.report()))
    }

    async fn switch(&self, mode: Mode) -> anyhow::Result<()> {
        let bus = &self.node.node().bus;
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
        product_name: "Limited edition".to_owned(),
        variant_name: "black".to_owned(),
        unit_price: Some(Money { minor: 9_900, currency: "CNY".to_owned() }),
        category_code: 0,
    }
}
