//! Checkout: orders placed through the whole edge, beside one plain INSERT per request and beside a constant route.

use std::sync::Arc;

use anyhow::anyhow;
use futures::stream::{self, StreamExt, TryStreamExt};
use pulse_bench::{Paired, Progress, Request, Requests, Side};
use pulse_contract::Money;
use pulse_contract::order::v1::{CartLine, OrderDraft, PlaceOrderRequest};
use pulse_contract::shop::v1::{CreateProductRequest, Hours, ProductDraft, SetHoursRequest, VariantDraft};
use pulse_contract::stock::v1::{
    DeductAt, PutStockRequest, ReplenishStockRequest, ResourceKind, ResourceRef, StockRules,
};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Actor, Cx, Error, Principal};
use serde_json::json;

use super::bench_node::BenchNode;
use super::figure::{Figure, Output};
use super::plain_insert::{self, InsertMode};
use super::plan::BenchPlan;

/// Number of products in the shop.
const PRODUCTS: usize = 4;
/// Number of variants per product.
const VARIANTS: usize = 50;
/// Price of each variant, in minor units.
const PRICE_MINOR: i64 = 1_000;
/// Stock of each variant: more than any run orders.
const UNITS: i64 = 1_000_000_000;
/// Numbers of lines per order that are measured.
const LINES: [usize; 3] = [1, 10, 100];
/// Number of clients of the measurement whose latency is compared with the aim.
const FEW_CLIENTS: usize = 16;
/// Number of concurrent orders while the existing orders are created.
const EXISTING_CONCURRENCY: usize = 256;

pub(super) async fn run(plan: &BenchPlan, output: &mut Output<'_>) -> anyhow::Result<()> {
    let mut node = BenchNode::start(plan, 1).await?;
    node.open_shops(1).await?;
    let shop = Arc::new(StockedShop::create(&node).await.map_err(|error| anyhow!(error.report()))?);
    shop.place_existing_orders(&node, plan.orders).await.map_err(|error| anyhow!(error.report()))?;
    let connections = usize::try_from(plan.connections)?;
    for lines in LINES {
        let name = if lines == 1 { "checkout".to_owned() } else { format!("checkout-{lines}-lines") };
        let requests = shop.order_requests(&node, lines);
        output.add(against_insert(plan, (&name, InsertMode::Grouped), &node, (requests, connections)).await?)?;
    }
    let few = format!("checkout-{FEW_CLIENTS}-clients");
    let requests = shop.order_requests(&node, 1);
    output.add(against_insert(plan, (&few, InsertMode::Grouped), &node, (requests, FEW_CLIENTS)).await?)?;
    // A database server groups the flushes of concurrent transactions, so only the embedded database has this reference.
    if plan.store.is_none() {
        let (name, requests) = ("checkout-ungrouped", shop.order_requests(&node, 1));
        output.add(against_insert(plan, (name, InsertMode::Ungrouped), &node, (requests, connections)).await?)?;
    }
    let subject = ("POST /v1/orders, 1 line", shop.order_requests(&node, 1));
    output.add(node.against_constant(plan, "checkout-constant", subject).await?.into())?;
    node.node().bus.catch_up().await;
    node.stop().await
}

async fn against_insert(
    plan: &BenchPlan,
    (name, mode): (&str, InsertMode),
    node: &BenchNode,
    (requests, connections): (Requests, usize),
) -> anyhow::Result<Figure> {
    let mut paired = Paired::new(name, connections);
    paired.rounds = usize::try_from(plan.rounds)?;
    let subject = Side { label: "POST /v1/orders".to_owned(), address: node.address, requests, refusal: None };
    let reference = Side {
        label: mode.label().to_owned(),
        address: node.address,
        requests: plain_insert::requests(node.address, mode),
        refusal: None,
    };
    let progress = Progress::on_stderr(name, paired.steps());
    let measured = paired.run(&subject, &reference, &progress).await;
    progress.finish();
    // Events of these orders would slow the next measurement down.
    node.node().bus.drain().await;
    Ok(Figure::from(measured?).with("orders_before", plan.orders))
}

/// A shop whose variants never run out.
pub(super) struct StockedShop {
    shop_id: i64,
    /// IDs of product and variant.
    items: Vec<(i64, i64)>,
}

impl StockedShop {
    /// Creates products with stock in the first shop of the city.
    pub(super) async fn create(bench: &BenchNode) -> Result<Self, Error> {
        let shop_id = bench.first_shop().await.map_err(|error| {
            pulse_contract::errors::INTERNAL.error("the city has no shop").caused_by(error.to_string())
        })?;
        let (node, cx) = (bench.node(), bench.cx());
        // Open at any time of day.
        let hours = Some(Hours { osm: "24/7".to_owned(), ..Hours::default() });
        node.shops().shops.set_hours(&cx, SetHoursRequest { shop_id, hours, ..SetHoursRequest::default() }).await?;
        let mut items = Vec::with_capacity(PRODUCTS * VARIANTS);
        for number in 0..PRODUCTS {
            let variant = |number: usize| VariantDraft {
                name: number.to_string(),
                price: Some(Money { minor: PRICE_MINOR, currency: "CNY".to_owned() }),
                ..VariantDraft::default()
            };
            let product = ProductDraft {
                name: format!("Product {number}"),
                variants: (0..VARIANTS).map(variant).collect(),
                is_on_sale: true,
                ..ProductDraft::default()
            };
            let request = CreateProductRequest { shop_id, product: Some(product) };
            let product = node.shops().catalog.create_product(&cx, request).await?;
            items.extend(product.variants.iter().map(|variant| (product.product_id, variant.variant_id)));
        }
        for (product_id, variant_id) in items.iter().copied() {
            let rules = Some(StockRules { deduct_at: DeductAt::Order.into(), ..StockRules::default() });
            node.stock().put_stock(&cx, PutStockRequest { shop_id, product_id, variant_id, rules }).await?;
            let resource = Some(ResourceRef { kind: ResourceKind::Sku.into(), id: variant_id });
            let request = ReplenishStockRequest { shop_id, resource, quantity: UNITS, note: String::new() };
            node.stock().replenish_stock(&cx, request).await?;
        }
        Ok(Self { shop_id, items })
    }

    /// ID of the shop, and of its first product and variant.
    pub(super) fn first(&self) -> (i64, (i64, i64)) {
        (self.shop_id, self.items.first().copied().unwrap_or_default())
    }

    /// Items of the order with this number; consecutive orders begin with different items.
    fn lines(&self, number: usize, count: usize) -> impl Iterator<Item = (i64, i64)> {
        let first = number % self.items.len();
        self.items.iter().copied().cycle().skip(first).take(count)
    }

    /// Requests that place orders of `count` lines, each with its own idempotency key, by the accounts in turn.
    fn order_requests(self: &Arc<Self>, node: &BenchNode, count: usize) -> Requests {
        let bodies: Vec<String> = (0..self.items.len()).map(|number| self.body(number, count)).collect();
        let (host, tokens) = (node.address.to_string(), node.tokens().to_vec());
        // Keys of two measurements must differ.
        let run: u32 = rand::random();
        Requests::generate(move |_, number| {
            let turn = usize::try_from(number).unwrap_or_default();
            let (body, token) = (&bodies[turn % bodies.len()], &tokens[turn % tokens.len()]);
            let request = Request::post_json(&host, "/v1/orders", body.clone()).bearer(token);
            request.header("idempotency-key", &format!("{run:08x}-{number}")).render()
        })
    }

    fn body(&self, number: usize, count: usize) -> String {
        let line = |(product, variant): (i64, i64)| json!({ "product_id": product.to_string(), "variant_id": variant.to_string(), "quantity": 1 });
        let lines: Vec<_> = self.lines(number, count).map(line).collect();
        let total = PRICE_MINOR.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX));
        json!({
            "draft": { "shop_id": self.shop_id.to_string(), "lines": lines },
            "expected_total_minor": total.to_string(),
        })
        .to_string()
    }

    /// Places `count` orders by customers that do not take part in the measurement.
    async fn place_existing_orders(&self, node: &BenchNode, count: u32) -> Result<(), Error> {
        let progress = Progress::on_stderr("existing orders", u64::from(count));
        stream::iter(0..count)
            .map(|number| self.place(node, number))
            .buffer_unordered(EXISTING_CONCURRENCY)
            .try_for_each(async |()| {
                progress.step();
                Ok(())
            })
            .await?;
        progress.finish();
        node.node().bus.catch_up().await;
        Ok(())
    }

    async fn place(&self, node: &BenchNode, number: u32) -> Result<(), Error> {
        let line = |(product_id, variant_id): (i64, i64)| CartLine {
            product_id,
            variant_id,
            quantity: 1,
            ..CartLine::default()
        };
        let lines = self.lines(usize::try_from(number).unwrap_or_default(), 1).map(line).collect();
        let draft = Some(OrderDraft { shop_id: self.shop_id, lines, ..OrderDraft::default() });
        let request =
            PlaceOrderRequest { draft, expected_total_minor: Some(PRICE_MINOR), ..PlaceOrderRequest::default() };
        let account = AccountId::new(1_000_000 + i64::from(number));
        let principal = Principal { account, session: 0, roles: Vec::new(), shops: Vec::new() };
        let cx: Cx = node.cx().with_actor(Actor::Principal(principal.into()));
        node.node().orders().place_order(&cx, request).await.map(drop)
    }
}
