//! M7: disputes of Stripe, in every order and repeatedly.

use pulse_contract::payment::v1::*;
use pulse_testkit::TestNode;
use serde_json::{Value, json};

use crate::fake_stripe::FakeStripe;
use crate::shop_fixtures::*;
use crate::stripe::{deliver_from_stripe, made, reply, run_everywhere, with_stripe_default};

fn dispute(status: &str) -> Value {
    json!({
        "id": "dp_1", "object": "dispute", "amount": PRICE, "currency": "cny", "charge": "ch_1",
        "payment_intent": "pi_1", "reason": "fraudulent", "status": status, "created": 1_777_867_300,
        "evidence_details": { "due_by": 1_778_472_100, "has_evidence": false, "submission_count": 0 },
        "balance_transactions": [], "is_charge_refundable": false,
    })
}

async fn started(fixture: &ShopFixture, node: &TestNode, stripe: &FakeStripe) -> i64 {
    let order_id = fixture.order(node).await;
    stripe.will_reply([reply(&made("requires_payment_method"))]);
    node.payments().start_payment(&fixture.customer.cx(), with_stripe_default(order_id)).await.unwrap();
    stripe.requests();
    order_id
}

async fn deliver_all(node: &TestNode, events: &[(&str, &str)]) {
    for (n, (kind, status)) in events.iter().enumerate() {
        let id = format!("evt_{kind}_{status}_{n}");
        deliver_from_stripe(node, &id, &format!("charge.dispute.{kind}"), &dispute(status)).await;
    }
}

async fn listed(fixture: &ShopFixture, node: &TestNode) -> Vec<Dispute> {
    let request = ListShopDisputesRequest { shop_id: fixture.shop.id(), ..ListShopDisputesRequest::default() };
    let of_shop = node.payments().list_shop_disputes(&fixture.shop.owner.cx(), request).await.unwrap().disputes;
    let request = ListDisputesRequest::default();
    assert_eq!(node.payments().list_disputes(&node.cx(), request).await.unwrap().disputes, of_shop);
    let other = ListShopDisputesRequest { shop_id: fixture.shop.id() + 1, ..ListShopDisputesRequest::default() };
    assert_eq!(node.payments().list_shop_disputes(&node.cx(), other).await.unwrap().disputes, []);
    of_shop
}

/// A dispute that the shop wins: the money is withdrawn and reinstated, once each, in whatever order the events arrive.
#[test]
fn a_dispute_is_stored_and_booked_once_in_any_order() {
    let events = [
        ("created", "needs_response"),
        ("funds_withdrawn", "needs_response"),
        ("updated", "under_review"),
        ("closed", "won"),
        ("funds_reinstated", "won"),
    ];
    run_everywhere(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        let order_id = started(&fixture, node, stripe).await;
        // The first round is reversed and arrives before the success of the payment.
        let mut reversed = events;
        reversed.reverse();
        deliver_all(node, &reversed).await;
        assert_eq!(kinds(node, order_id).await, Vec::<String>::new());
        deliver_from_stripe(node, "evt_paid", "payment_intent.succeeded", &made("succeeded")).await;
        check(node).await;
        assert_eq!(kinds(node, order_id).await, ["capture", "dispute", "reinstatement"]);
        deliver_all(node, &events).await;
        check(node).await;
        assert_eq!(kinds(node, order_id).await, ["capture", "dispute", "reinstatement"]);
        assert_eq!(balances(node).await[0], ("provider:stripe".to_owned(), PRICE));

        let disputes = listed(&fixture, node).await;
        assert_eq!(disputes.len(), 1);
        let found = &disputes[0];
        assert_eq!((found.order_id, found.provider_reference.as_str()), (order_id, "dp_1"));
        assert_eq!((found.status(), found.is_withdrawn, found.is_reinstated), (DisputeStatus::Won, true, true));
        assert_eq!((found.reason.as_str(), found.amount.as_ref().unwrap().minor), ("fraudulent", PRICE));
        assert_eq!(found.respond_by.unwrap().to_string(), "2026-05-11T04:01:40Z");
        let last = published::<PaymentDisputeChanged>(node).await.pop().unwrap();
        assert_eq!(
            (last.status(), last.dispute_id, last.shop_id),
            (DisputeStatus::Won, found.dispute_id, found.shop_id)
        );
        stripe.requests();
    });
}

/// A dispute that the shop loses: the money stays withdrawn, is missing in the statement, and cannot be refunded again.
#[test]
fn a_lost_dispute_reduces_the_money_of_the_shop() {
    run_everywhere(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        let order_id = started(&fixture, node, stripe).await;
        deliver_from_stripe(node, "evt_paid", "payment_intent.succeeded", &made("succeeded")).await;
        deliver_all(node, &[("created", "needs_response")]).await;
        assert_eq!(published::<PaymentDisputeChanged>(node).await.len(), 1);
        assert_eq!(kinds(node, order_id).await, ["capture"]);
        deliver_all(node, &[("funds_withdrawn", "needs_response"), ("closed", "lost"), ("updated", "under_review")])
            .await;
        check(node).await;
        assert_eq!(kinds(node, order_id).await, ["capture", "dispute"]);
        assert_eq!(balances(node).await, []);
        let disputes = listed(&fixture, node).await;
        assert_eq!((disputes[0].status(), disputes[0].is_withdrawn), (DisputeStatus::Lost, true));

        let day = pulse_contract::Timestamp::from(node.now()).to_string();
        let request = GetStatementRequest { shop_id: fixture.shop.id(), business_date: day.chars().take(10).collect() };
        let statement = node.payments().get_statement(&fixture.shop.owner.cx(), request).await.unwrap();
        let line = &statement.lines[0];
        assert_eq!((line.paid_minor, line.disputed_minor, line.net_minor), (PRICE, PRICE, 0));

        fixture.refund(node, order_id, 100).await.unwrap();
        check(node).await;
        assert_eq!(refunds(&fixture.payment(node, order_id).await), [(RefundState::Failed, 100)]);
        assert_eq!(stripe.requests().len(), 0, "the provider is not asked");
    });
}

/// An inquiry moves no money.
#[test]
fn an_inquiry_moves_no_money() {
    run_everywhere(async |node, stripe| {
        let fixture = ShopFixture::of(node).await;
        let order_id = started(&fixture, node, stripe).await;
        deliver_from_stripe(node, "evt_paid", "payment_intent.succeeded", &made("succeeded")).await;
        deliver_all(node, &[("created", "warning_needs_response"), ("closed", "warning_closed")]).await;
        let mut foreign = dispute("lost");
        foreign["payment_intent"] = json!("pi_of_others");
        deliver_from_stripe(node, "evt_foreign", "charge.dispute.closed", &foreign).await;
        check(node).await;
        assert_eq!(kinds(node, order_id).await, ["capture"]);
        let disputes = listed(&fixture, node).await;
        assert_eq!((disputes.len(), disputes[0].status()), (1, DisputeStatus::InquiryClosed));
    });
}
