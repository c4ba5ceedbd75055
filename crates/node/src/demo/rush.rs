//! Now and then a shop sells a few lucky bags for little, and everybody comes at once.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use pulse_contract::sale::v1::{
    AdmitRequest, CreateSaleRequest, GetResultRequest, GetSaleRequest, ResultState, SaleClient, SaleDraft, SaleItem,
    ScheduleSaleRequest, TakeTicketRequest, errors,
};
use pulse_contract::shop::v1::{CreateProductRequest, GetMenuRequest, Product, ProductDraft, VariantDraft};
use pulse_contract::stock::v1::{
    GetStockRequest, PutStockRequest, ReplenishStockRequest, ResourceKind, ResourceRef, StockClient, StockRules,
};
use pulse_contract::{Money, Timestamp as WireTimestamp};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Error, Timestamp};

use super::DemoCity;
use super::trade::pick;

/// From one sale to the next.
const EVERY: Duration = Duration::from_secs(180);
/// How long a sale is announced before it begins, and how long it lasts.
const NOTICE: Duration = Duration::from_secs(20);
const LASTS: Duration = Duration::from_secs(60);
/// How many units there are, and for how long the buyers have them without paying.
const UNITS: i64 = 12;
const PAY_WITHIN_S: i32 = 60;
/// How many people press the button in the same instant.
const PEOPLE_MAX: usize = 400;
/// How long somebody waits for their order.
const RESULT_WAIT_MS: i32 = 10_000;
const BAG: &str = "福袋";
const BAG_PRICE_MINOR: i64 = 9_900;
const SALE_PRICE_MINOR: i64 = 990;

/// What a rush needs.
pub(crate) struct Rush {
    pub(crate) sales: SaleClient,
    pub(crate) stock: StockClient,
}

/// How somebody fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fared {
    Ordered,
    CameTooLate,
    Otherwise,
}

/// Holds one sale after the other until it is dropped.
pub(super) async fn rushes(city: &DemoCity) {
    loop {
        let next = city.clock.now().plus(EVERY);
        if let Err(error) = city.rush().await {
            tracing::warn!(error = %error.report(), "a flash sale went wrong");
        }
        city.clock.sleep_until(next).await;
    }
}

impl DemoCity {
    async fn rush(&self) -> Result<(), Error> {
        let Some(shop_id) = pick(&self.trade.menus).copied() else { return Ok(()) };
        let Some(bag) = self.bag(shop_id).await? else { return Ok(()) };
        let begins = self.clock.now().plus(NOTICE);
        let sale_id = self.announce(shop_id, bag, begins).await?;
        self.clock.sleep_until(begins).await;
        let began = Instant::now();
        let fared = self.everybody_presses(sale_id).await;
        self.wake_kitchen(shop_id);
        let count = |how| fared.iter().filter(|fared| **fared == how).count();
        let (orders, late) = (count(Fared::Ordered), count(Fared::CameTooLate));
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(sale.id = sale_id, people = fared.len(), orders, late, duration_ms, "the flash sale is over");
        Ok(())
    }

    /// The lucky bag of a shop, put on its menu the first time, and as many of it as a sale takes.
    async fn bag(&self, shop_id: i64) -> Result<Option<SaleItem>, Error> {
        // The shop may have been closed since.
        let Ok(menu) = self.catalog.get_menu(&self.cx(), GetMenuRequest { shop_id }).await else { return Ok(None) };
        let mut products = menu.sections.into_iter().flat_map(|section| section.products);
        let product = match products.find(|product| product.name == BAG) {
            Some(product) => product,
            None => self.make_bag(shop_id).await?,
        };
        let Some(variant) = product.variants.first() else { return Ok(None) };
        let (product_id, variant_id) = (product.product_id, variant.variant_id);
        let rules = Some(StockRules::default());
        let counted = PutStockRequest { shop_id, product_id, variant_id, rules };
        self.rush.stock.put_stock(&self.cx(), counted).await?;
        let resource = Some(ResourceRef { kind: ResourceKind::Sku.into(), id: variant_id });
        let stock = GetStockRequest { shop_id, resource };
        let stock = self.rush.stock.get_stock(&self.cx(), stock).await?;
        // The last sale may have left some.
        let quantity = UNITS - (stock.on_hand - stock.reserved);
        if quantity > 0 {
            let arrived = ReplenishStockRequest { shop_id, resource, quantity, note: "for the sale".to_owned() };
            self.rush.stock.replenish_stock(&self.cx(), arrived).await?;
        }
        Ok(Some(SaleItem { product_id, variant_id, template_id: 0 }))
    }

    async fn make_bag(&self, shop_id: i64) -> Result<Product, Error> {
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
            pay_within_s: PAY_WITHIN_S,
            ..SaleDraft::default()
        };
        let request = CreateSaleRequest { shop_id, sale: Some(draft) };
        let sale_id = self.rush.sales.create_sale(&self.cx(), request).await?.sale_id;
        self.rush.sales.schedule_sale(&self.cx(), ScheduleSaleRequest { shop_id, sale_id }).await?;
        let sale = self.rush.sales.get_sale(&self.cx(), GetSaleRequest { sale_id }).await?;
        tracing::info!(sale.id = sale_id, shop = sale.shop_name, units = UNITS, "a flash sale is announced");
        Ok(sale_id)
    }

    async fn everybody_presses(&self, sale_id: i64) -> Vec<Fared> {
        let people = self.people.iter().copied().take(PEOPLE_MAX);
        let presses = stream::iter(people).map(|person| async move { self.press(sale_id, person).await });
        presses.buffer_unordered(PEOPLE_MAX).collect().await
    }

    /// Somebody wants one; most of those who get it pay.
    async fn press(&self, sale_id: i64, person: AccountId) -> Fared {
        match self.try_to_buy(sale_id, person).await {
            Ok(fared) => fared,
            Err(error) if error.code() == errors::SALE_SOLD_OUT.code => Fared::CameTooLate,
            Err(error) => {
                tracing::warn!(error = %error.report(), account.id = person.get(), "could not take part in the sale");
                Fared::Otherwise
            }
        }
    }

    async fn try_to_buy(&self, sale_id: i64, person: AccountId) -> Result<Fared, Error> {
        let device = format!("phone of {}", person.get());
        let request = TakeTicketRequest { sale_id, device, ..TakeTicketRequest::default() };
        let ticket = self.rush.sales.take_ticket(&self.cx_of(person), request).await?.ticket;
        let request = AdmitRequest { sale_id, ticket, quantity: 1 };
        self.rush.sales.admit(&self.cx_of(person), request).await?;
        let request = GetResultRequest { sale_id, wait_ms: RESULT_WAIT_MS };
        let result = self.rush.sales.get_result(&self.cx_of(person), request).await?;
        let order_id = result.admission.as_ref().map(|admission| admission.order_id).unwrap_or_default();
        if result.state() != ResultState::Placed {
            tracing::info!(account.id = person.get(), order.id = order_id, reason = result.reason, "admitted in vain");
            return Ok(Fared::Otherwise);
        }
        self.pay(person, order_id).await?;
        Ok(Fared::Ordered)
    }
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: "CNY".to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pulse_city::{City, Size};

    use super::*;
    use crate::Config;
    use crate::demo::settle;
    use crate::node::{Node, NodeOptions};
    use crate::pages::DevInbox;

    /// As many as there are units have an order, everybody else hears that nothing is left; so it is in the next sale too.
    #[tokio::test]
    async fn the_fastest_have_the_lucky_bags() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.node.data = folder.path().join("data");
        config.payment.has_sandbox = true;
        let inbox = DevInbox::default();
        let node = Node::start(&config, NodeOptions::new(Arc::new(inbox.clone()))).await.unwrap();
        let city = City::new(1, Size { shops: 3, people: 30, couriers: 0 });
        let demo = settle(&node, &inbox, city).await.unwrap();
        let shop_id = demo.trade.menus[0];
        for _ in 0..2 {
            let bag = demo.bag(shop_id).await.unwrap().expect("the shop is open");
            let sale_id = demo.announce(shop_id, bag, demo.clock.now()).await.unwrap();
            let fared = demo.everybody_presses(sale_id).await;
            let count = |how| fared.iter().filter(|fared| **fared == how).count();
            assert_eq!((count(Fared::Ordered), count(Fared::CameTooLate)), (12, 18), "{fared:?}");
        }
        node.stop().await;
    }
}
