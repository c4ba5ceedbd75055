//! Content of the events of the order context.

use std::collections::BTreeSet;

use pulse_contract::order::v1::*;
use pulse_testkit::TestNode;

use crate::MINUTE;
use crate::shop_fixtures::{ShopFixture, pay, placing};

const RECIPIENT: &str = "Zhang Recipient";
const PHONE: &str = "+8613912345678";
const ADDRESS: &str = "Lane 471, Huaihai Road";

/// A delivery of one tea to a recognizable recipient, with notes for the kitchen.
fn delivery(fixture: &ShopFixture) -> OrderDraft {
    let draft = fixture.delivered(fixture.teas(1));
    let address = draft.address.clone().unwrap_or_default();
    let address = DeliveryAddress {
        recipient: RECIPIENT.to_owned(),
        phone: PHONE.to_owned(),
        address: ADDRESS.to_owned(),
        ..address
    };
    let line = CartLine { note: "extra hot".to_owned(), ..draft.lines[0].clone() };
    OrderDraft { address: Some(address), lines: vec![line], note: "no straw".to_owned(), ..draft }
}

/// Topics of the order context without their prefix, and the payloads of all its events.
async fn all_events(node: &TestNode) -> (BTreeSet<String>, Vec<Vec<u8>>) {
    let events = node.store("order").events_after(0, 10_000).await.unwrap();
    let topic = |topic: &str| topic.trim_start_matches("pulse.order.v1.").to_owned();
    (
        events.iter().map(|event| topic(&event.topic)).collect(),
        events.iter().map(|event| event.payload.to_vec()).collect(),
    )
}

fn contains(payload: &[u8], text: &str) -> bool {
    payload.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Events stay in the outbox for days: none of them contains the recipient, phone number or address of a delivery. What
/// the kitchen needs to prepare the order is in `OrderPaid`.
pub(crate) async fn no_event_contains_personal_data(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 10).await;
    let (customer, owner) = (fixture.customer.cx(), fixture.shop.owner.cx());
    let shop_id = fixture.shop.id();
    // Placed, paid, accepted, handed over, completed, refunded.
    let order = fixture.place(node, delivery(&fixture)).await.unwrap();
    let address = order.address.clone().unwrap();
    assert_eq!((address.recipient.as_str(), address.phone.as_str()), (RECIPIENT, PHONE));
    pay(node, &order).await;
    let order_id = order.order_id;
    node.orders().accept_order(&owner, AcceptOrderRequest { shop_id, order_id }).await.unwrap();
    node.orders().hand_over_order(&owner, HandOverOrderRequest { shop_id, order_id }).await.unwrap();
    node.orders().complete_order(&customer, CompleteOrderRequest { order_id }).await.unwrap();
    let refund = RefundOrderRequest { shop_id, order_id, amount_minor: 100, reason: "cold".to_owned() };
    node.orders().refund_order(&owner, refund).await.unwrap();
    // Cash, cancelled by the customer; then one that is never paid.
    let cash = fixture.place_cash(node, delivery(&fixture)).await.unwrap();
    fixture.cancel(node, cash.order_id).await.unwrap();
    let total = order.price.unwrap().total_minor;
    node.orders().place_order(&customer, placing(delivery(&fixture), total)).await.unwrap();
    node.settle().await;
    node.advance(MINUTE * 15);
    node.settle().await;

    let (topics, payloads) = all_events(node).await;
    let expected = [
        "OrderCancelled",
        "OrderCompleted",
        "OrderMoved",
        "OrderPaid",
        "OrderPaymentTimedOut",
        "OrderPlaced",
        "OrderRefundRequested",
        "OrderRefunded",
    ];
    assert_eq!(topics, expected.map(str::to_owned).into());
    for text in [RECIPIENT, PHONE, PHONE.trim_start_matches('+'), ADDRESS] {
        assert!(!payloads.iter().any(|payload| contains(payload, text)), "{text} is in an event");
    }
    for text in ["Tea", "extra hot", "no straw"] {
        assert!(payloads.iter().any(|payload| contains(payload, text)), "{text} is missing");
    }
}
