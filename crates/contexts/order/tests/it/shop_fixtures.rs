//! A shop with a menu and stock, and its customers.

use pulse_contract::Event;
use pulse_contract::marketing::v1::*;
use pulse_contract::order::v1::*;
use pulse_contract::payment::v1::PaymentSucceeded;
use pulse_contract::shop::v1::*;
use pulse_contract::stock::v1::*;
use pulse_kernel::Error;
use pulse_store::Commit;
use pulse_testkit::{OpenShop, Person, TestNode, cny, place, product};

pub(crate) const PHONE: &str = "+8613800138001";

/// A shop that sells tea (12.00, with sugar as a modifier) and cake (30.00), and a customer.
pub(crate) struct ShopFixture {
    pub(crate) shop: OpenShop,
    pub(crate) tea: Product,
    pub(crate) cake: Product,
    pub(crate) customer: Person,
}

/// Packing 1.00; delivery 5.00 within 3 km, free from 100.00; minimum 10.00; 6 % tax on top; cash accepted.
pub(crate) fn terms() -> ShopTerms {
    ShopTerms {
        tax_basis_points: 600,
        is_tax_included: false,
        delivery_radius_m: 3_000,
        delivery_fee_minor: 500,
        delivery_free_from_minor: 10_000,
        order_minimum_minor: 1_000,
        packing_fee_minor: 100,
        is_cash_accepted: true,
    }
}

impl ShopFixture {
    pub(crate) async fn new(node: &TestNode) -> Self {
        let shop = node.a_shop().await;
        let customer = node.sign_up(PHONE).await;
        let sugar = ModifierGroup {
            name: "sugar".to_owned(),
            choices_min: 0,
            choices_max: 1,
            modifiers: vec![Modifier { name: "more".to_owned(), price_delta_minor: 50 }],
        };
        let tea = ProductDraft { modifier_groups: vec![sugar], ..product("Tea", 1_200) };
        let tea = create(node, &shop, tea).await;
        let cake = create(node, &shop, product("Cake", 3_000)).await;
        let fixture = Self { shop, tea, cake, customer };
        fixture.set_terms(node, terms()).await;
        fixture
    }

    /// As [`ShopFixture::new`], with tracked stock of `units` teas.
    pub(crate) async fn with_tea(node: &TestNode, units: i64) -> Self {
        let fixture = Self::new(node).await;
        fixture.count_tea(node, units, StockRules::default()).await;
        fixture
    }

    pub(crate) async fn count_tea(&self, node: &TestNode, units: i64, rules: StockRules) {
        let (shop_id, resource) = (self.shop.id(), Some(self.tea_units()));
        let request = PutStockRequest {
            shop_id,
            product_id: self.tea.product_id,
            variant_id: self.tea.variants[0].variant_id,
            rules: Some(rules),
        };
        node.stock().put_stock(&self.shop.owner.cx(), request).await.unwrap();
        if units > 0 {
            let note = String::new();
            let request = ReplenishStockRequest { shop_id, resource, quantity: units, note };
            node.stock().replenish_stock(&self.shop.owner.cx(), request).await.unwrap();
        }
    }

    pub(crate) fn tea_units(&self) -> ResourceRef {
        ResourceRef { kind: ResourceKind::Sku.into(), id: self.tea.variants[0].variant_id }
    }

    /// Units of tea: on hand and reserved.
    pub(crate) async fn tea_stock(&self, node: &TestNode) -> (i64, i64) {
        let request = GetStockRequest { shop_id: self.shop.id(), resource: Some(self.tea_units()) };
        let stock = node.stock().get_stock(&self.shop.owner.cx(), request).await.unwrap();
        (stock.on_hand, stock.reserved)
    }

    pub(crate) async fn set_terms(&self, node: &TestNode, terms: ShopTerms) {
        let request = SetTermsRequest { shop_id: self.shop.id(), terms: Some(terms), ..Default::default() };
        node.catalog().set_terms(&self.shop.owner.cx(), request).await.unwrap();
    }

    /// A pickup order of tea: 12.00 each, 1.00 for packing, 6 % tax on top.
    pub(crate) fn teas(&self, quantity: i32) -> OrderDraft {
        OrderDraft { shop_id: self.shop.id(), lines: vec![line(&self.tea, quantity)], ..OrderDraft::default() }
    }

    /// Total of [`ShopFixture::teas`].
    pub(crate) fn tea_total(quantity: i64) -> i64 {
        let taxed = 1_200 * quantity + 100;
        taxed + (taxed * 6 + 50).div_euclid(100)
    }

    /// The same order as a delivery.
    pub(crate) fn delivered(&self, draft: OrderDraft) -> OrderDraft {
        OrderDraft { fulfilment: Fulfilment::Delivery.into(), address: Some(address()), ..draft }
    }

    pub(crate) async fn quote(&self, node: &TestNode, draft: &OrderDraft) -> Quote {
        let request = QuoteOrderRequest { draft: Some(draft.clone()) };
        node.orders().quote_order(&self.customer.cx(), request).await.unwrap()
    }

    /// Places the order at its current price.
    pub(crate) async fn place(&self, node: &TestNode, draft: OrderDraft) -> Result<Order, Error> {
        let total = self.quote(node, &draft).await.price.unwrap_or_default().total_minor;
        node.orders().place_order(&self.customer.cx(), placing(draft, total)).await
    }

    pub(crate) async fn place_cash(&self, node: &TestNode, draft: OrderDraft) -> Result<Order, Error> {
        let total = self.quote(node, &draft).await.price.unwrap_or_default().total_minor;
        let payment_method = PaymentMethod::CashOnDelivery.into();
        let request = PlaceOrderRequest { payment_method, ..placing(draft, total) };
        node.orders().place_order(&self.customer.cx(), request).await
    }

    /// The order for its customer.
    pub(crate) async fn seen(&self, node: &TestNode, order_id: i64) -> Order {
        node.orders().get_order(&self.customer.cx(), GetOrderRequest { order_id }).await.unwrap()
    }

    pub(crate) async fn cancel(&self, node: &TestNode, order_id: i64) -> Result<Order, Error> {
        let request = CancelOrderRequest { order_id, reason: "no more".to_owned() };
        node.orders().cancel_order(&self.customer.cx(), request).await
    }

    /// A coupon of the customer: `amount_minor` off from `threshold_minor` on.
    pub(crate) async fn coupon(&self, node: &TestNode, amount_minor: i64, threshold_minor: i64) -> i64 {
        let template = TemplateDraft {
            name: "A gift".to_owned(),
            discount: DiscountKind::Amount.into(),
            amount_minor,
            threshold_minor,
            currency: "CNY".to_owned(),
            starts_at: Some(node.now().into()),
            ends_at: Some(node.now().plus(crate::DAY * 30).into()),
            per_customer_limit: 10,
            quota: 100,
            distribution: Distribution::Claim.into(),
            ..TemplateDraft::default()
        };
        let request = CreateTemplateRequest { shop_id: self.shop.id(), template: Some(template) };
        let template = node.coupons().create_template(&self.shop.owner.cx(), request).await.unwrap();
        node.settle().await;
        let request = ClaimCouponRequest { template_id: template.template_id };
        let coupon = node.coupons().claim_coupon(&self.customer.cx(), request).await.unwrap();
        node.settle().await;
        coupon.coupon_id
    }

    pub(crate) async fn coupon_state(&self, node: &TestNode, coupon_id: i64) -> CouponState {
        let coupon = node.coupons().get_coupon(&self.customer.cx(), GetCouponRequest { coupon_id }).await.unwrap();
        coupon.state()
    }
}

async fn create(node: &TestNode, shop: &OpenShop, draft: ProductDraft) -> Product {
    let request = CreateProductRequest { shop_id: shop.id(), product: Some(draft) };
    node.catalog().create_product(&shop.owner.cx(), request).await.unwrap()
}

pub(crate) fn line(product: &Product, quantity: i32) -> CartLine {
    let (product_id, variant_id) = (product.product_id, product.variants[0].variant_id);
    CartLine { product_id, variant_id, quantity, ..CartLine::default() }
}

/// An address about 1 km from the shop.
pub(crate) fn address() -> DeliveryAddress {
    DeliveryAddress {
        recipient: "Li".to_owned(),
        phone: "+8801712345678".to_owned(),
        address: "Nanjing Road 1".to_owned(),
        location: Some(place(31.2404, 121.4737)),
    }
}

pub(crate) fn placing(draft: OrderDraft, expected_total_minor: i64) -> PlaceOrderRequest {
    PlaceOrderRequest {
        draft: Some(draft),
        expected_total_minor: Some(expected_total_minor),
        ..PlaceOrderRequest::default()
    }
}

/// Pays an order: publishes the event of a successful payment. Returns the IDs of payment and attempt.
pub(crate) async fn pay(node: &TestNode, order: &Order) -> (i64, i64) {
    let total = order.price.as_ref().unwrap().total_minor;
    let money = paid(node, order.order_id, total);
    publish(node, order.order_id, &money).await;
    node.settle().await;
    (money.payment_id, money.attempt_id)
}

pub(crate) fn paid(node: &TestNode, order_id: i64, minor: i64) -> PaymentSucceeded {
    let payments = node.store("payment");
    let (payment_id, attempt_id) = (payments.next_id(node.now()), payments.next_id(node.now()));
    PaymentSucceeded { payment_id, attempt_id, order_id, amount: Some(cny(minor)), is_surplus: false }
}

/// Writes an event into the outbox of its context, as that context does.
pub(crate) async fn publish<E: Event>(node: &TestNode, key: i64, event: &E) {
    let context = E::TOPIC.split('.').nth(1).unwrap();
    node.store(context).commit(&node.cx(), Commit::new().event(key, event)).await.unwrap();
}

/// Events of one type that the order context published, in their sequence.
pub(crate) async fn published<E: Event + Default>(node: &TestNode) -> Vec<E> {
    let events = node.store("order").events_after(0, 10_000).await.unwrap();
    let events = events.into_iter().filter(|event| &*event.topic == E::TOPIC);
    events.map(|event| E::decode(event.payload).unwrap()).collect()
}

/// Stops the payment context from handling refunds. It does not know the payments of [`pay`] and would fail them.
pub(crate) async fn pause_payments(node: &TestNode) {
    node.bus().set_mode("payment.orders", pulse_bus::Mode::Paused).await.unwrap();
}

/// Ends [`pause_payments`].
pub(crate) async fn resume_payments(node: &TestNode) {
    node.bus().set_mode("payment.orders", pulse_bus::Mode::Running).await.unwrap();
}

/// As `settle`, without the payment context.
pub(crate) async fn settle_without_payments(node: &TestNode) {
    loop {
        let left = node.bus().drain().await;
        assert!(left.iter().all(|consumer| consumer.starts_with("payment.orders")), "{left:?}");
        if node.fire_timers().await == 0 {
            return;
        }
    }
}

/// The invariants of orders and stock hold.
pub(crate) async fn assert_clean(node: &TestNode) {
    let verified = pulse_order::verify(node.store("order"), false).await.unwrap();
    assert_eq!(verified.findings, []);
    assert!(verified.checked.iter().any(|(_, count)| *count > 0), "something was checked");
    node.assert_books_of("stock").await;
}
