//! Behaviour of the sale context on each database: use cases through the clients.

#![expect(clippy::unwrap_used, reason = "an unexpected error fails the test")]

mod admissions;
mod entry;
mod lifecycle;
mod orders;
mod shared;
mod tickets;

use std::time::Duration;

use pulse_contract::sale::v1::*;
use pulse_contract::shop::v1::{CreateProductRequest, Product};
use pulse_contract::stock::v1::{
    DeductAt, GetStockRequest, PutStockRequest, ReplenishStockRequest, ResourceKind, ResourceRef, Stock, StockRules,
};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Actor, Cx, Error, Principal};
use pulse_testkit::{OpenShop, TestNode, cny, product};

pulse_testkit::behaviours!("&mut TestNode", pulse_testkit::run, "");

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The code of an error, or `ok`.
fn code<T>(outcome: &Result<T, Error>) -> &'static str {
    outcome.as_ref().err().map_or("ok", Error::code)
}

/// A shop with 100 units of one variant, for sales.
struct SaleFixture {
    shop: OpenShop,
    product: Product,
}

impl SaleFixture {
    async fn new(node: &TestNode) -> Self {
        let shop = node.a_shop().await;
        let request = CreateProductRequest { shop_id: shop.id(), product: Some(product("lantern", 900)) };
        let product = node.catalog().create_product(&node.cx(), request).await.unwrap();
        let fixture = Self { shop, product };
        let rules = Some(StockRules { deduct_at: DeductAt::Order.into(), ..StockRules::default() });
        let (shop_id, product_id, variant_id) = (fixture.shop.id(), fixture.product.product_id, fixture.variant());
        node.stock().put_stock(&node.cx(), PutStockRequest { shop_id, product_id, variant_id, rules }).await.unwrap();
        let resource = Some(fixture.sku());
        let request = ReplenishStockRequest { shop_id, resource, quantity: 100, note: String::new() };
        node.stock().replenish_stock(&node.cx(), request).await.unwrap();
        fixture
    }

    fn variant(&self) -> i64 {
        self.product.variants[0].variant_id
    }

    fn sku(&self) -> ResourceRef {
        ResourceRef { kind: ResourceKind::Sku.into(), id: self.variant() }
    }

    /// Draft of a sale: price 5.00 CNY, starts in one minute, lasts ten minutes.
    fn draft(&self, node: &TestNode, units: i64) -> SaleDraft {
        let item = SaleItem { product_id: self.product.product_id, variant_id: self.variant(), template_id: 0 };
        SaleDraft {
            name: "night market".to_owned(),
            item: Some(item),
            price: Some(cny(500)),
            units,
            per_buyer_limit: if units > 1 { 2 } else { 1 },
            starts_at: Some(node.now().plus(MINUTE).into()),
            ends_at: Some(node.now().plus(MINUTE * 11).into()),
            payment_timeout_s: 120,
            ..SaleDraft::default()
        }
    }

    async fn create(&self, node: &TestNode, draft: SaleDraft) -> Result<Sale, Error> {
        let request = CreateSaleRequest { shop_id: self.shop.id(), sale: Some(draft) };
        node.sales().create_sale(&self.shop.owner.cx(), request).await
    }

    async fn schedule(&self, node: &TestNode, sale_id: i64) -> Result<Sale, Error> {
        let request = ScheduleSaleRequest { shop_id: self.shop.id(), sale_id };
        node.sales().schedule_sale(&self.shop.owner.cx(), request).await
    }

    /// Creates a sale, schedules it and waits until it is open.
    async fn open_sale(&self, node: &TestNode, draft: SaleDraft) -> i64 {
        let sale_id = self.create(node, draft).await.unwrap().sale_id;
        self.schedule(node, sale_id).await.unwrap();
        node.advance(MINUTE);
        node.settle().await;
        sale_id
    }

    async fn sale(&self, node: &TestNode, sale_id: i64) -> Sale {
        node.sales().get_sale(&self.shop.owner.cx(), GetSaleRequest { sale_id }).await.unwrap()
    }

    async fn stock(&self, node: &TestNode, resource: ResourceRef) -> Stock {
        let request = GetStockRequest { shop_id: self.shop.id(), resource: Some(resource) };
        node.stock().get_stock(&node.cx(), request).await.unwrap()
    }
}

/// Request context of the buyer with this account ID.
fn buyer(node: &TestNode, number: i64) -> Cx {
    let principal =
        Principal { account: AccountId::new(number), session: number, roles: Vec::new(), shops: Vec::new() };
    Cx::system("test", node.now()).with_actor(Actor::Principal(principal.into()))
}

async fn ticket(node: &TestNode, sale_id: i64, number: i64) -> Result<String, Error> {
    let request = TakeTicketRequest { sale_id, ..TakeTicketRequest::default() };
    node.sales().take_ticket(&buyer(node, number), request).await.map(|taken| taken.ticket)
}

async fn admit_with(node: &TestNode, sale_id: i64, number: i64, ticket: &str) -> Result<Admission, Error> {
    let request = AdmitRequest { sale_id, ticket: ticket.to_owned(), quantity: 1 };
    node.sales().admit(&buyer(node, number), request).await
}

/// Requests one unit with a new ticket.
async fn admit(node: &TestNode, sale_id: i64, number: i64) -> Result<Admission, Error> {
    let ticket = ticket(node, sale_id, number).await?;
    admit_with(node, sale_id, number, &ticket).await
}
