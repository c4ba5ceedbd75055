//! Checkout: an order of some lines placed through the whole edge, beside one plain INSERT per request and beside a
//! constant route.

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

use super::super::arguments::Bench;
use super::insert::{self, Way};
use super::town::Town;
use super::{Figure, Output, against_constant};

/// What is on the shelf: four products of fifty variants.
const PRODUCTS: usize = 4;
const VARIANTS: usize = 50;
/// What each costs.
const PRICE_MINOR: i64 = 1_000;
/// More than is ever ordered.
const UNITS: i64 = 1_000_000_000;
/// The lines of an order.
const LINES: [usize; 3] = [1, 10, 100];
/// The clients whose waiting is told.
const FEW_CLIENTS: usize = 16;
/// How many orders are placed at the same time while a past is made.
const PAST_CONCURRENCY: usize = 256;

pub(super) async fn run(plan: &Bench, output: &mut Output) -> anyhow::Result<()> {
    let mut town = Town::build(plan, 1).await?;
    town.grow(1).await?;
    let shelf = Arc::new(Shelf::fill(&town).await.map_err(|error| anyhow!(error.report()))?);
    shelf.make_past(&town, plan.orders).await.map_err(|error| anyhow!(error.report()))?;
    let connections = usize::try_from(plan.connections)?;
    for lines in LINES {
        let name = if lines == 1 { "checkout".to_owned() } else { format!("checkout-{lines}-lines") };
        let requests = shelf.orders(&town, lines);
        output.add(against_insert(plan, (&name, Way::Grouped), &town, (requests, connections)).await?)?;
    }
    let few = format!("checkout-{FEW_CLIENTS}-clients");
    let requests = shelf.orders(&town, 1);
    output.add(against_insert(plan, (&few, Way::Grouped), &town, (requests, FEW_CLIENTS)).await?)?;
    // Servers flush what waits together by themselves.
    if plan.store.is_none() {
        let requests = shelf.orders(&town, 1);
        output.add(against_insert(plan, ("checkout-alone", Way::Alone), &town, (requests, connections)).await?)?;
    }
    let subject = ("POST /v1/orders, 1 line", shelf.orders(&town, 1));
    output.add(against_constant(plan, "checkout-constant", &town, subject).await?.into())?;
    town.node().bus.drain().await;
    town.raze().await
}

async fn against_insert(
    plan: &Bench,
    (name, way): (&str, Way),
    town: &Town,
    (requests, connections): (Requests, usize),
) -> anyhow::Result<Figure> {
    let mut paired = Paired::new(name, connections);
    paired.rounds = usize::try_from(plan.rounds)?;
    let subject = Side { label: "POST /v1/orders".to_owned(), address: town.address, requests, refusal: None };
    let reference = Side {
        label: way.label().to_owned(),
        address: town.address,
        requests: insert::requests(town, way),
        refusal: None,
    };
    let progress = Progress::on_stderr(name, paired.steps());
    let measured = paired.run(&subject, &reference, &progress).await;
    progress.finish();
    // What follows from the orders would be in the way of the next measurement.
    town.node().bus.settle().await;
    Ok(Figure::from(measured?).with("orders_before", plan.orders))
}

/// A shop with enough of everything.
pub(super) struct Shelf {
    shop_id: i64,
    /// Product and variant.
    items: Vec<(i64, i64)>,
}

impl Shelf {
    pub(super) async fn fill(town: &Town) -> Result<Self, Error> {
        let shop_id = town.first_shop().await.map_err(|error| {
            pulse_contract::errors::INTERNAL.error("the town has no shop").caused_by(error.to_string())
        })?;
        let (node, cx) = (town.node(), town.cx());
        // Whatever the time of day is.
        let hours = Some(Hours { osm: "24/7".to_owned(), ..Hours::default() });
        node.shops().shops.set_hours(&cx, SetHoursRequest { shop_id, hours }).await?;
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

    /// The shop, and the first product with its variant.
    pub(super) fn first(&self) -> (i64, (i64, i64)) {
        (self.shop_id, self.items.first().copied().unwrap_or_default())
    }

    /// The lines of the order with this number: another first item each time.
    fn lines(&self, number: usize, count: usize) -> impl Iterator<Item = (i64, i64)> {
        let first = number % self.items.len();
        self.items.iter().copied().cycle().skip(first).take(count)
    }

    /// Requests that place an order of so many lines, each with a key of its own, by another person in turn.
    fn orders(self: &Arc<Self>, town: &Town, count: usize) -> Requests {
        let bodies: Vec<String> = (0..self.items.len()).map(|number| self.body(number, count)).collect();
        let (host, tokens) = (town.address.to_string(), town.tokens().to_vec());
        // Keys of two measurements differ.
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

    /// Places so many orders, as customers that do not come back.
    async fn make_past(&self, town: &Town, count: u32) -> Result<(), Error> {
        let progress = Progress::on_stderr("orders before", u64::from(count));
        stream::iter(0..count)
            .map(|number| self.place(town, number))
            .buffer_unordered(PAST_CONCURRENCY)
            .try_for_each(async |()| {
                progress.step();
                Ok(())
            })
            .await?;
        progress.finish();
        town.node().bus.drain().await;
        Ok(())
    }

    async fn place(&self, town: &Town, number: u32) -> Result<(), Error> {
        let line = |(product_id, variant_id): (i64, i64)| CartLine {
            product_id,
            variant_id,
            quantity: 1,
            ..CartLine::default()
        };
        let lines = self.lines(usize::try_from(number).unwrap_or_default(), 1).map(line).collect();
        let draft = Some(OrderDraft { shop_id: self.shop_id, lines, ..OrderDraft::default() });
        let request = PlaceOrderRequest { draft, expected_total_minor: PRICE_MINOR, ..PlaceOrderRequest::default() };
        let account = AccountId::new(1_000_000 + i64::from(number));
        let principal = Principal { account, session: 0, roles: Vec::new(), shops: Vec::new() };
        let cx: Cx = town.cx().with_actor(Actor::Principal(principal.into()));
        town.node().orders().place_order(&cx, request).await.map(drop)
    }
}
