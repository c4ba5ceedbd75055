//! A voucher from its sale to what it buys, over REST alone, paid with the sandbox.

use pulse_contract::Json;
use pulse_contract::marketing::v1::{Coupon, CouponDiscounts, CouponState, CouponTemplate, ListMyCouponsResponse};
use pulse_contract::order::v1::{Order, OrderKind, OrderState, PaymentState, Price, Quote};
use pulse_contract::payment::v1::{ListLedgerEntriesResponse, Payment};
use pulse_contract::shop::v1::Product;
use pulse_contract::stock::v1::Stock;
use pulse_testkit::http::{Http, Reply};
use pulse_testkit::{OpenShop, Person, TestNode};
use serde_json::{Value, json};

/// What a voucher costs, what it takes off, and what a tea costs.
const SOLD_FOR: i64 = 1_500;
const WORTH: i64 = 2_000;
const TEA: i64 = 1_999;

/// A shop with tea and a voucher, and somebody who buys.
struct Town {
    http: Http,
    shop: OpenShop,
    customer: Person,
    tea: Product,
    voucher: CouponTemplate,
}

impl Town {
    async fn of(node: &mut TestNode) -> Self {
        let shop = node.a_shop().await;
        let (customer, http) = (node.sign_up("+8613800138000").await, node.http());
        let at = format!("/v1/shops/{}", shop.id());
        let price = |minor: i64| json!({ "minor": minor.to_string(), "currency": "CNY" });
        let product = json!({
            "name": "Tea", "variants": [{ "name": "pot", "price": price(TEA) }], "is_on_sale": true,
        });
        let tea: Product = http.post(&format!("{at}/products"), &product).by(&shop.owner).send().await.ok();
        let variant = tea.variants[0].variant_id;
        let rules = json!({ "deduct_at": "DEDUCT_AT_ORDER" });
        let counted = format!("{at}/products/{}/variants/{variant}/stock", tea.product_id);
        let counted = http.ask("PUT", &counted).json(&rules).by(&shop.owner).send().await;
        assert_eq!(counted.status, 200, "{}", counted.text());
        let shelf = format!("{at}/stock/RESOURCE_KIND_SKU/{variant}:replenish");
        let filled = http.post(&shelf, &json!({ "quantity": "10" })).by(&shop.owner).send().await;
        assert_eq!(filled.status, 200, "{}", filled.text());
        let instant = |at: pulse_kernel::Timestamp| serde_json::to_value(pulse_contract::Timestamp::from(at)).unwrap();
        let template = json!({
            "name": "Tea for less",
            "discount": "DISCOUNT_KIND_AMOUNT",
            "amount_minor": WORTH.to_string(),
            "currency": "CNY",
            "starts_at": instant(node.now()),
            "ends_at": instant(node.now().plus(std::time::Duration::from_secs(86_400))),
            "per_customer_limit": 2,
            "quota": "3",
            "distribution": "DISTRIBUTION_PURCHASE",
            "price": price(SOLD_FOR),
        });
        let voucher = http.post(&format!("{at}/coupon-templates"), &template).by(&shop.owner).send().await.ok();
        node.settle().await;
        Self { http, shop, customer, tea, voucher }
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        self.http.post(path, body).by(&self.customer).send().await
    }

    async fn get<T: Json>(&self, path: &str) -> T {
        self.http.get(path).by(&self.customer).send().await.ok()
    }

    fn buying(&self) -> Value {
        json!({
            "shop_id": self.shop.id().to_string(),
            "kind": "ORDER_KIND_VIRTUAL_VOUCHER",
            "voucher_template_id": self.voucher.template_id.to_string(),
            "voucher_quantity": 1,
        })
    }

    fn teas(&self, quantity: i64, coupon: i64) -> Value {
        let line = json!({
            "product_id": self.tea.product_id.to_string(),
            "variant_id": self.tea.variants[0].variant_id.to_string(),
            "quantity": quantity,
        });
        json!({ "shop_id": self.shop.id().to_string(), "lines": [line], "coupon_ids": [coupon.to_string()] })
    }

    /// Quotes a draft, whose parts sum to its total, and places it for that.
    async fn place(&self, draft: &Value) -> Reply {
        let quote: Quote = self.post("/v1/orders:quote", &json!({ "draft": draft })).await.ok();
        let total = sum(&quote.price.unwrap());
        self.post("/v1/orders", &json!({ "draft": draft, "expected_total_minor": total.to_string() })).await
    }

    /// Begins to pay, and presses a button of the page.
    async fn pay(&self, node: &TestNode, order: &Order, button: &str) {
        let path = format!("/v1/orders/{}/payments", order.order_id);
        let payment: Payment = self.post(&path, &json!({ "provider": "sandbox" })).await.ok();
        assert_eq!(payment.amount.unwrap().minor, order.price.as_ref().unwrap().total_minor);
        let form = self.http.ask("POST", &payment.attempts[0].pay_url).body(format!("choice={button}"));
        assert_eq!(form.header("content-type", "application/x-www-form-urlencoded").send().await.status, 303);
        node.settle().await;
    }

    async fn order(&self, order: &Order) -> (OrderState, PaymentState) {
        let seen: Order = self.get(&format!("/v1/orders/{}", order.order_id)).await;
        (seen.state(), seen.payment_state())
    }

    async fn wallet(&self) -> Vec<Coupon> {
        self.get::<ListMyCouponsResponse>("/v1/me/coupons").await.coupons
    }

    async fn shelf(&self) -> (i64, i64) {
        let variant = self.tea.variants[0].variant_id;
        let path = format!("/v1/shops/{}/stock/RESOURCE_KIND_SKU/{variant}", self.shop.id());
        let units: Stock = self.http.get(&path).by(&self.shop.owner).send().await.ok();
        (units.on_hand, units.reserved)
    }
}

/// The total, which is the sum of the parts exactly.
fn sum(price: &Price) -> i64 {
    assert_eq!(price.parts.iter().map(|part| part.amount_minor).sum::<i64>(), price.total_minor);
    price.total_minor
}

/// PL-14, PL-15, PL-16: a voucher is ordered, paid on the page of the provider and told twice, and is one usable coupon;
/// the coupon is validated, makes an order cheaper, which is paid, and is used up. Where the stock is short it stays.
pub(crate) async fn a_voucher_is_bought_and_spent(node: &mut TestNode) {
    let town = Town::of(node).await;
    let bought: Order = town.place(&town.buying()).await.ok();
    assert_eq!((bought.kind(), sum(bought.price.as_ref().unwrap())), (OrderKind::VirtualVoucher, SOLD_FOR));
    assert_eq!(town.wallet().await, []);
    town.pay(node, &bought, "twice").await;
    assert_eq!(town.order(&bought).await, (OrderState::Completed, PaymentState::Paid));
    let [coupon] = town.wallet().await.try_into().unwrap();
    assert_eq!((coupon.state(), coupon.template_id), (CouponState::Active, town.voucher.template_id));

    let (id, variant) = (coupon.coupon_id, town.tea.variants[0].variant_id);
    let lines =
        json!([{ "line_number": 1, "variant_id": variant.to_string(), "subtotal_minor": (2 * TEA).to_string() }]);
    let asked = json!({
        "shop_id": town.shop.id().to_string(), "currency": "CNY", "lines": lines, "coupon_ids": [id.to_string()],
    });
    let worth: CouponDiscounts = town.post("/v1/coupons:validate", &asked).await.ok();
    assert_eq!(worth.discount_minor, WORTH);
    assert_eq!(town.place(&town.teas(11, id)).await.code(), "ORDER_STOCK_SHORT");
    let left = &town.wallet().await[0];
    assert_eq!((town.shelf().await, left.state(), left.order_id), ((10, 0), CouponState::Active, 0), "nothing is held");

    let goods: Order = town.place(&town.teas(2, id)).await.ok();
    assert_eq!(sum(goods.price.as_ref().unwrap()), 2 * TEA - WORTH);
    assert_eq!((town.shelf().await, town.wallet().await[0].state()), ((10, 2), CouponState::Reserved));
    town.pay(node, &goods, "pay").await;
    assert_eq!(town.order(&goods).await, (OrderState::Confirmed, PaymentState::Paid));
    assert_eq!((town.shelf().await, town.wallet().await[0].state()), ((8, 0), CouponState::Used));
    assert_eq!(town.place(&town.teas(1, id)).await.code(), "ORDER_COUPON_REFUSED", "it is spent");

    let operator = node.operator().await;
    for (order, expected) in [(&bought, SOLD_FOR), (&goods, 2 * TEA - WORTH)] {
        let path = format!("/v1/operator/ledger/entries?order_id={}", order.order_id);
        let booked: ListLedgerEntriesResponse = town.http.get(&path).by(&operator).send().await.ok();
        let [entry] = booked.entries.try_into().unwrap();
        let lines: Vec<i64> = entry.lines.iter().map(|line| line.amount.as_ref().unwrap().minor).collect();
        assert_eq!((entry.kind.as_str(), lines), ("capture", vec![expected, -expected]));
    }
    node.assert_books().await;
}
