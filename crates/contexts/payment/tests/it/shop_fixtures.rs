//! Orders, their payments, and webhooks in the format of the sandbox.

use futures::future::BoxFuture;
use pulse_contract::Event;
use pulse_contract::order::v1::*;
use pulse_contract::payment::v1::*;
use pulse_contract::shop::v1::{CreateProductRequest, Product};
use pulse_kernel::Error;
use pulse_payment::domain::signature;
use pulse_store::{Statement, values};
use pulse_testkit::{OpenShop, Person, TestNode, product};
use serde_json::{Value, json};

/// Total of an order, in minor units.
pub(crate) const PRICE: i64 = 1_990;

/// A shop with one product, and a customer.
pub(crate) struct ShopFixture {
    pub(crate) shop: OpenShop,
    pub(crate) tea: Product,
    pub(crate) customer: Person,
}

impl ShopFixture {
    pub(crate) async fn of(node: &TestNode) -> Self {
        let shop = node.a_shop().await;
        let request = CreateProductRequest { shop_id: shop.id(), product: Some(product("Tea", PRICE)) };
        let tea = node.catalog().create_product(&node.cx(), request).await.unwrap();
        Self { shop, tea, customer: node.sign_up("+8613800138000").await }
    }

    /// Places an order of one tea with this payment method.
    pub(crate) async fn place(&self, node: &TestNode, method: PaymentMethod) -> Order {
        let line = CartLine {
            product_id: self.tea.product_id,
            variant_id: self.tea.variants[0].variant_id,
            quantity: 1,
            ..CartLine::default()
        };
        let draft = OrderDraft { shop_id: self.shop.id(), lines: vec![line], ..OrderDraft::default() };
        let request = PlaceOrderRequest {
            draft: Some(draft),
            expected_total_minor: Some(PRICE),
            payment_method: method.into(),
            ..PlaceOrderRequest::default()
        };
        let order = node.orders().place_order(&self.customer.cx(), request).await.unwrap();
        node.settle().await;
        order
    }

    /// Places an order that awaits payment.
    pub(crate) async fn order(&self, node: &TestNode) -> i64 {
        self.place(node, PaymentMethod::Online).await.order_id
    }

    /// Starts a payment.
    pub(crate) async fn start(&self, node: &TestNode, order_id: i64) -> Payment {
        node.payments().start_payment(&self.customer.cx(), with_sandbox(order_id)).await.unwrap()
    }

    /// Places an order and pays it.
    pub(crate) async fn paid(&self, node: &TestNode) -> i64 {
        let order_id = self.order(node).await;
        let payment = self.start(node, order_id).await;
        deliver(node, "evt_paid", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap();
        node.settle().await;
        order_id
    }

    /// The order for its customer.
    pub(crate) async fn see(&self, node: &TestNode, order_id: i64) -> Order {
        node.orders().get_order(&self.customer.cx(), GetOrderRequest { order_id }).await.unwrap()
    }

    /// The payment for its customer.
    pub(crate) async fn payment(&self, node: &TestNode, order_id: i64) -> Payment {
        let request = GetOrderPaymentRequest { order_id };
        node.payments().get_order_payment(&self.customer.cx(), request).await.unwrap()
    }

    /// The shop refunds an amount.
    pub(crate) async fn refund(&self, node: &TestNode, order_id: i64, amount_minor: i64) -> Result<Order, Error> {
        let request =
            RefundOrderRequest { shop_id: self.shop.id(), order_id, amount_minor, reason: "it was cold".to_owned() };
        node.orders().refund_order(&self.shop.owner.cx(), request).await
    }
}

pub(crate) fn with_sandbox(order_id: i64) -> StartPaymentRequest {
    StartPaymentRequest { order_id, provider: "sandbox".to_owned(), return_url: String::new() }
}

/// States of the attempts of a payment, oldest first.
pub(crate) fn attempts(payment: &Payment) -> Vec<AttemptState> {
    payment.attempts.iter().map(PaymentAttempt::state).collect()
}

/// States and amounts of the refunds of a payment, oldest first.
pub(crate) fn refunds(payment: &Payment) -> Vec<(RefundState, i64)> {
    payment.refunds.iter().map(|refund| (refund.state(), refund.amount.as_ref().unwrap().minor)).collect()
}

/// Object of the sandbox for an attempt; the first one is 0.
pub(crate) fn intent(payment: &Payment, attempt: usize) -> Value {
    let (attempt, amount) = (&payment.attempts[attempt], payment.amount.as_ref().unwrap());
    json!({
        "id": attempt.provider_reference,
        "object": "payment_intent",
        "amount": amount.minor,
        "amount_received": amount.minor,
        "currency": amount.currency.to_lowercase(),
        "status": "succeeded",
        "metadata": { "pulse_attempt_id": attempt.attempt_id.to_string() },
    })
}

/// Object of the sandbox for a refund that was made there.
pub(crate) fn foreign_refund(payment: &Payment, name: &str, minor: i64) -> Value {
    json!({
        "id": name,
        "object": "refund",
        "amount": minor,
        "currency": "cny",
        "status": "succeeded",
        "payment_intent": payment.attempts[0].provider_reference,
    })
}

/// Body of an event.
pub(crate) fn event(id: &str, kind: &str, object: &Value) -> String {
    json!({ "id": id, "object": "event", "type": kind, "created": 1, "data": { "object": object } }).to_string()
}

/// Headers of a webhook with this signature.
pub(crate) fn signed(signature: String) -> Vec<WebhookHeader> {
    vec![WebhookHeader { name: signature::HEADER.to_owned(), value: signature }]
}

/// A signed webhook of the sandbox.
pub(crate) fn webhook(node: &TestNode, body: &str) -> ReceiveWebhookRequest {
    ReceiveWebhookRequest {
        provider: "sandbox".to_owned(),
        headers: signed(signature::sign(&node.secret("payment.secret"), body.as_bytes(), node.now())),
        payload: body.as_bytes().to_vec().into(),
    }
}

/// Delivers an event of the sandbox. Returns whether it was received before.
pub(crate) fn deliver(
    node: &TestNode,
    id: &str,
    kind: &str,
    object: &Value,
) -> BoxFuture<'static, Result<bool, Error>> {
    let request = webhook(node, &event(id, kind, object));
    let (cx, payments) = (node.cx(), node.payments().clone());
    Box::pin(async move { Ok(payments.receive_webhook(&cx, request).await?.is_duplicate) })
}

/// The number that a query returns.
pub(crate) async fn number(node: &TestNode, query: &'static str) -> i64 {
    let (number,): (i64,) = node.store("payment").one(Statement::new(query, values![])).await.unwrap();
    number
}

/// Events of one type that the payment context published, in their sequence.
pub(crate) async fn published<E: Event + Default>(node: &TestNode) -> Vec<E> {
    let events = node.store("payment").events_after(0, 1_000).await.unwrap();
    let own = events.into_iter().filter(|event| &*event.topic == E::TOPIC);
    own.map(|event| E::decode(event.payload).unwrap()).collect()
}

/// Kinds of the ledger entries of an order, oldest first.
pub(crate) async fn kinds(node: &TestNode, order_id: i64) -> Vec<String> {
    let request = ListLedgerEntriesRequest { order_id, page_size: 100, page_token: String::new() };
    let entries = node.payments().list_ledger_entries(&node.cx(), request).await.unwrap().entries;
    entries.into_iter().rev().map(|entry| entry.kind).collect()
}

/// Balances that are not 0.
pub(crate) async fn balances(node: &TestNode) -> Vec<(String, i64)> {
    let request = ListLedgerAccountsRequest { page_size: 100, ..ListLedgerAccountsRequest::default() };
    let accounts = node.payments().list_ledger_accounts(&node.cx(), request).await.unwrap().accounts;
    let all = accounts.into_iter().map(|account| (account.name, account.balance.unwrap().minor));
    all.filter(|(_, minor)| *minor != 0).collect()
}

/// The invariants hold, and the ledger sums to zero.
pub(crate) async fn check(node: &TestNode) {
    node.settle().await;
    let verified = pulse_payment::verify(node.store("payment"), false).await.unwrap();
    assert_eq!(verified.findings, vec![]);
    let sum: i64 = balances(node).await.into_iter().map(|(_, minor)| minor).sum();
    assert_eq!(sum, 0, "the ledger sums to zero");
}

/// Moves an order one step, as staff of a shop without a kitchen.
pub(crate) async fn advance(node: &TestNode, fixture: &ShopFixture, order: &Order) {
    let (shop_id, order_id) = (order.shop_id, order.order_id);
    let staff = fixture.shop.owner.cx();
    match order.state() {
        OrderState::Confirmed => {
            node.orders().accept_order(&staff, AcceptOrderRequest { shop_id, order_id }).await.unwrap();
        }
        OrderState::Ready | OrderState::Preparing => {
            node.orders().complete_order(&staff, CompleteOrderRequest { order_id }).await.unwrap();
        }
        OrderState::Unspecified
        | OrderState::Placing
        | OrderState::AwaitingPayment
        | OrderState::Delivering
        | OrderState::Completed
        | OrderState::Cancelled => {}
    }
    node.settle().await;
}
