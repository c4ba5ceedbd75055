//! Flash sales of the demo city: every three minutes a shop sells lucky bags, and all people try to buy one at once.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use pulse_contract::sale::v1::{
    AdmitRequest, CreateSaleRequest, GetResultRequest, GetSaleRequest, ResultState, SaleDraft, SaleItem,
    ScheduleSaleRequest, TakeTicketRequest, errors,
};
use pulse_contract::shop::v1::{CreateProductRequest, GetMenuRequest, Product, ProductDraft, VariantDraft};
use pulse_contract::stock::v1::{
    GetStockRequest, PutStockRequest, ReplenishStockRequest, ResourceKind, ResourceRef, StockRules,
};
use pulse_contract::{Money, Timestamp as WireTimestamp};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Error, Timestamp};

use super::DemoCity;
use super::orders::pick;

/// Time from one sale to the next.
const EVERY: Duration = Duration::from_secs(180);
/// Time from the announcement of a sale to its start.
const NOTICE: Duration = Duration::from_secs(20);
/// Duration of a sale.
const LASTS: Duration = Duration::from_secs(60);
/// Number of units per sale.
const UNITS: i64 = 12;
/// Payment timeout of an order, in seconds.
const PAYMENT_TIMEOUT_S: i32 = 60;
/// Maximum number of concurrent buyers.
const BUYERS_MAX: usize = 400;
/// Timeout of the call that waits for the order of an admission, in milliseconds.
const RESULT_WAIT_MS: i32 = 10_000;
/// Name of the product on sale.
const BAG: &str = "福袋";
/// Normal price, in minor units.
const BAG_PRICE_MINOR: i64 = 9_900;
/// Price during the sale, in minor units.
const SALE_PRICE_MINOR: i64 = 990;

/// Result of the attempt of one person to buy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    Ordered,
    SoldOut,
    Failed,
}

/// Holds one sale after the other until the future is dropped.
pub(super) async fn hold_sales(city: &DemoCity) {
    loop {
        let next = city.clock.now().plus(EVERY);
        if let Err(error) = city.hold_sale().await {
            tracing::warn!(error = %error.report(), "demo flash sale failed");
        }
        city.clock.sleep_until(next).await;
    }
}

impl DemoCity {
    async fn hold_sale(&self) -> Result<(), Error> {
        let Some(shop_id) = pick(&self.shops_with_menu).copied() else { return Ok(()) };
        let Some(bag) = self.lucky_bag(shop_id).await? else { return Ok(()) };
        let begins = self.clock.now().plus(NOTICE);
        let sale_id = self.announce(shop_id, bag, begins).await?;
        self.clock.sleep_until(begins).await;
        let began = Instant::now();
        let attempts = self.buy_concurrently(sale_id).await;
        self.mark_kitchen_busy(shop_id);
        let count = |result| attempts.iter().filter(|attempt| **attempt == result).count();
        let (orders, sold_out) = (count(Attempt::Ordered), count(Attempt::SoldOut));
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            sale.id = sale_id,
            buyers = attempts.len(),
            orders,
            sold_out,
            duration_ms,
            "demo flash sale ended"
        );
        Ok(())
    }

    /// The lucky bag of a shop as the item of a sale. Creates the product on first use, and replenishes it to [`UNITS`].
    async fn lucky_bag(&self, shop_id: i64) -> Result<Option<SaleItem>, Error> {
        // A closed shop has no menu.
        let Ok(menu) = self.catalog.get_menu(&self.cx(), GetMenuRequest { shop_id }).await else { return Ok(None) };
        let mut products = menu.sections.into_iter().flat_map(|section| section.products);
        let product = match products.find(|product| product.name == BAG) {
            Some(product) => product,
            None => self.create_lucky_bag(shop_id).await?,
        };
        let Some(variant) = product.variants.first() else { return Ok(None) };
        let (product_id, variant_id) = (product.product_id, variant.variant_id);
        let rules = Some(StockRules::default());
        let counted = PutStockRequest { shop_id, product_id, variant_id, rules };
        self.stock.put_stock(&self.cx(), counted).await?;
        let resource = Some(ResourceRef { kind: ResourceKind::Sku.into(), id: variant_id });
        let stock = GetStockRequest { shop_id, resource };
        let stock = self.stock.get_stock(&self.cx(), stock).await?;
        // Units of the previous sale may be left.
        let quantity = UNITS - (stock.on_hand - stock.reserved);
        if quantity > 0 {
            let arrived = ReplenishStockRequest { shop_id, resource, quantity, note: "flash sale".to_owned() };
            self.stock.replenish_stock(&self.cx(), arrived).await?;
        }
        Ok(Some(SaleItem { product_id, variant_id, template_id: 0 }))
    }

    async fn create_lucky_bag(&self, shop_id: i64) -> Result<Product, Error> {
        let variant =
            VariantDraft { name: "one".to_owned(), price: Some(yuan(BAG_PRICE_MINOR)), ..VariantDraft::default() };
        let product = ProductDraft {
            name: BAG.to_owned(),
            name_en: "Lucky bag".to_owned(),
            variants: vec![variant],
            is_on_sale: true,
            ..ProductDraft::default()
        };
        self.catalog.create_product(&self.cx(), CreateProductRequest { shop_id, product: Some(product) }).await
    }

    async fn announce(&self, shop_id: i64, bag: SaleItem, begins: Timestamp) -> Result<i64, Error> {
        let draft = SaleDraft {
            name: "福袋 · Lucky bags".to_owned(),
            item: Some(bag),
            price: Some(yuan(SALE_PRICE_MINOR)),
            units: UNITS,
            per_buyer_limit: 1,
            starts_at: Some(WireTimestamp::from(begins)),
            ends_at: Some(WireTimestamp::from(begins.plus(LASTS))),
            payment_timeout_s: PAYMENT_TIMEOUT_S,
            ..SaleDraft::default()
        };
        let request = CreateSaleRequest { shop_id, sale: Some(draft) };
        let sale_id = self.sales.create_sale(&self.cx(), request).await?.sale_id;
        self.sales.schedule_sale(&self.cx(), ScheduleSaleRequest { shop_id, sale_id }).await?;
        let sale = self.sales.get_sale(&self.cx(), GetSaleRequest { sale_id }).await?;
        tracing::info!(sale.id = sale_id, shop = sale.shop_name, units = UNITS, "demo flash sale scheduled");
        Ok(sale_id)
    }

    async fn buy_concurrently(&self, sale_id: i64) -> Vec<Attempt> {
        let people = self.people.iter().copied().take(BUYERS_MAX);
        let attempts = stream::iter(people).map(|person| async move { self.attempt(sale_id, person).await });
        attempts.buffer_unordered(BUYERS_MAX).collect().await
    }

    /// One attempt to buy; most of the admitted people pay.
    async fn attempt(&self, sale_id: i64, person: AccountId) -> Attempt {
        match self.try_to_buy(sale_id, person).await {
            Ok(attempt) => attempt,
            Err(error) if error.code() == errors::SALE_SOLD_OUT.code => Attempt::SoldOut,
            Err(error) => {
                tracing::warn!(error = %error.report(), account.id = person.get(), "demo purchase in a flash sale failed");
                Attempt::Failed
            }
        }
    }

    async fn try_to_buy(&self, sale_id: i64, person: AccountId) -> Result<Attempt, Error> {
        let device = format!("phone of {}", person.get());
        let request = TakeTicketRequest { sale_id, device, ..TakeTicketRequest::default() };
        let ticket = self.sales.take_ticket(&self.cx_of(person), request).await?.ticket;
        let request = AdmitRequest { sale_id, ticket, quantity: 1 };
        self.sales.admit(&self.cx_of(person), request).await?;
        let request = GetResultRequest { sale_id, wait_ms: RESULT_WAIT_MS };
        let result = self.sales.get_result(&self.cx_of(person), request).await?;
        let order_id = result.admission.as_ref().map(|admission| admission.order_id).unwrap_or_default();
        if result.state() != ResultState::Placed {
            tracing::info!(
                account.id = person.get(),
                order.id = order_id,
                reason = result.reason,
                "demo admission did not become an order"
            );
            return Ok(Attempt::Failed);
        }
        self.pay(person, order_id).await?;
        Ok(Attempt::Ordered)
    }
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: "CNY".to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pulse_city::{City, Size};
    use pulse_node::pages::DevInbox;
    use pulse_node::{Config, Node, NodeOptions};

    use super::*;
    use crate::demo::seed;

    /// One order per unit; all other people get SALE_SOLD_OUT. The same holds for the next sale.
    #[tokio::test]
    async fn the_fastest_have_the_lucky_bags() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.node.data = folder.path().join("data");
        config.payment.has_sandbox = true;
        let inbox = DevInbox::default();
        let node = Node::start(&config, NodeOptions::new(Arc::new(inbox.clone()))).await.unwrap();
        let city = City::new(1, Size { shops: 3, people: 30, couriers: 0 });
        let demo = seed(&node, &inbox, city).await.unwrap();
        let shop_id = demo.shops_with_menu[0];
        for _ in 0..2 {
            let bag = demo.lucky_bag(shop_id).await.unwrap().expect("the shop is open");
            let sale_id = demo.announce(shop_id, bag, demo.clock.now()).await.unwrap();
            let attempts = demo.buy_concurrently(sale_id).await;
            let count = |result| attempts.iter().filter(|attempt| **attempt == result).count();
            assert_eq!((count(Attempt::Ordered), count(Attempt::SoldOut)), (12, 18), "{attempts:?}");
        }
        node.stop().await;
    }
}
