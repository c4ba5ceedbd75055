//! Attempts to pay: found again, shared, limited, and requested once.

use futures::future::join_all;
use pulse_contract::order::v1::{OrderState, PaymentMethod, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_store::{Commit, Statement, values};
use pulse_testkit::TestNode;

use crate::shop_fixtures::*;
use crate::{code, tally};

/// PL-11, TR-26: starting twice is one attempt.
pub(crate) async fn an_attempt_is_found_again_while_it_is_open(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let payment = fixture.start(node, order_id).await;
    assert_eq!((payment.state(), attempts(&payment)), (IntentState::Open, vec![AttemptState::Open]));
    assert!(payment.attempts[0].pay_url.starts_with("/pay/"), "{}", payment.attempts[0].pay_url);
    assert_eq!(fixture.start(node, order_id).await, payment);
    assert_eq!(fixture.payment(node, order_id).await, payment);

    deliver(node, "evt_1", "payment_intent.canceled", &intent(&payment, 0)).await.unwrap();
    let second = fixture.start(node, order_id).await;
    assert_eq!(attempts(&second), [AttemptState::Cancelled, AttemptState::Open]);
    assert_ne!(second.attempts[1].pay_url, second.attempts[0].pay_url);
    check(node).await;
}

/// R09, TR-26: two browsers start at the same time: one attempt, one capture.
pub(crate) async fn two_browsers_at_once_share_one_attempt(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let cx = fixture.customer.cx();
    let both = join_all((0..8).map(|_| node.payments().start_payment(&cx, with_sandbox(order_id)))).await;
    let payments: Vec<Payment> = both.into_iter().map(Result::unwrap).collect();
    assert!(payments.iter().all(|payment| payment.attempts[0].attempt_id == payments[0].attempts[0].attempt_id));

    let published =
        (0..8).map(|n| deliver(node, &format!("evt_{n}"), "payment_intent.succeeded", &intent(&payments[0], 0)));
    assert_eq!(tally(join_all(published).await.iter().map(code)), [("ok", 8)]);
    check(node).await;
    let payment = fixture.payment(node, order_id).await;
    assert_eq!((payment.state(), attempts(&payment)), (IntentState::Succeeded, vec![AttemptState::Succeeded]));
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Confirmed);
}

/// R04, R09: the money of a second attempt is a surplus and is refunded once.
pub(crate) async fn a_second_attempt_that_succeeds_is_refunded(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let first = fixture.start(node, order_id).await;
    deliver(node, "evt_1", "payment_intent.payment_failed", &intent(&first, 0)).await.unwrap();
    let second = fixture.start(node, order_id).await;
    assert_eq!(attempts(&second), [AttemptState::Failed, AttemptState::Open]);

    let published =
        (0..2).map(|n| deliver(node, &format!("evt_ok_{n}"), "payment_intent.succeeded", &intent(&second, n)));
    join_all(published).await.into_iter().for_each(|published| assert!(!published.unwrap()));
    // The sandbox can refund the payment only if it has it.
    set_sandbox(node, "succeeded").await;
    check(node).await;

    let payment = fixture.payment(node, order_id).await;
    assert_eq!(attempts(&payment), [AttemptState::Succeeded; 2]);
    assert_eq!(refunds(&payment), [(RefundState::Succeeded, PRICE)]);
    assert_eq!(kinds(node, order_id).await, ["capture", "capture", "refund"]);
    let order = fixture.see(node, order_id).await;
    assert_eq!((order.state(), order.payment_state()), (OrderState::Confirmed, PaymentState::Paid));
    assert_eq!(balances(node).await.iter().map(|(_, minor)| *minor).collect::<Vec<_>>(), [PRICE, -PRICE]);
}

async fn set_sandbox(node: &TestNode, status: &str) {
    let update = Statement::new("UPDATE payment_sandbox SET status = ?", values![status]);
    node.store("payment").commit(&node.cx(), Commit::new().write(update)).await.unwrap();
}

/// Orders of other customers, cash orders and paid orders cannot be paid.
pub(crate) async fn only_the_customer_pays_an_order_that_awaits_payment(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let other = node.sign_up("+8613800138001").await;
    let start = async |person: &pulse_testkit::Person, request| {
        code(&node.payments().start_payment(&person.cx(), request).await)
    };
    assert_eq!(start(&other, with_sandbox(order_id)).await, "ORDER_NOT_FOUND");
    assert_eq!(start(&fixture.shop.owner, with_sandbox(order_id)).await, "PAYMENT_NOT_FOUND");
    assert_eq!(start(&fixture.customer, with_sandbox(order_id + 1)).await, "ORDER_NOT_FOUND");
    let elsewhere = StartPaymentRequest { provider: "paypal".to_owned(), ..with_sandbox(order_id) };
    assert_eq!(start(&fixture.customer, elsewhere).await, "PAYMENT_PROVIDER_UNKNOWN");
    let script = StartPaymentRequest { return_url: "javascript:alert(1)".to_owned(), ..with_sandbox(order_id) };
    assert_eq!(start(&fixture.customer, script).await, "VALIDATION_FAILED");
    let request = GetOrderPaymentRequest { order_id };
    assert_eq!(code(&node.payments().get_order_payment(&fixture.customer.cx(), request).await), "PAYMENT_NOT_FOUND");

    let default = StartPaymentRequest { provider: String::new(), ..with_sandbox(order_id) };
    assert_eq!(start(&fixture.customer, default).await, "ok");
    let get =
        async |person: &pulse_testkit::Person| code(&node.payments().get_order_payment(&person.cx(), request).await);
    assert_eq!(get(&fixture.customer).await, "ok");
    assert_eq!(get(&other).await, "PAYMENT_NOT_FOUND");
    assert_eq!(get(&fixture.shop.owner).await, "PAYMENT_NOT_FOUND");
    assert_eq!(get(&node.operator().await).await, "ok");

    let paid = fixture.paid(node).await;
    assert_eq!(start(&fixture.customer, with_sandbox(paid)).await, "PAYMENT_NOT_POSSIBLE");
    node.catalog().set_terms(&node.cx(), with_cash(fixture.shop.id())).await.unwrap();
    let cash = fixture.place(node, PaymentMethod::CashOnDelivery).await.order_id;
    assert_eq!(start(&fixture.customer, with_sandbox(cash)).await, "PAYMENT_NOT_POSSIBLE");
    check(node).await;
}

/// Terms of a shop that accepts cash.
pub(crate) fn with_cash(shop_id: i64) -> pulse_contract::shop::v1::SetTermsRequest {
    let terms = pulse_contract::shop::v1::ShopTerms { is_cash_accepted: true, ..Default::default() };
    pulse_contract::shop::v1::SetTermsRequest { shop_id, terms: Some(terms), ..Default::default() }
}

pub(crate) async fn a_repeated_key_gets_the_same_answer(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let cx = node.keyed(fixture.customer.cx(), "one", "StartPayment", &with_sandbox(order_id));
    let first = node.payments().start_payment(&cx, with_sandbox(order_id)).await.unwrap();
    deliver(node, "evt_1", "payment_intent.canceled", &intent(&first, 0)).await.unwrap();
    let again = node.payments().start_payment(&cx, with_sandbox(order_id)).await.unwrap();
    assert_eq!(again, first, "the saved answer, although there is another attempt by now");
    assert_eq!(attempts(&fixture.payment(node, order_id).await), [AttemptState::Cancelled]);
    check(node).await;
}

/// T5, R17: the process ends after the provider created the attempt and before its answer was stored. A new start returns
/// the same attempt, and a webhook that arrives first finds it by our ID.
pub(crate) async fn a_crash_after_the_request_repeats_the_same_request(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    for has_webhook_first in [false, true] {
        let order_id = fixture.order(node).await;
        let before = fixture.start(node, order_id).await;
        // State after such a crash: the attempt, without the answer of the provider.
        let forget = Statement::new(
            "UPDATE payment_attempts SET provider_reference = NULL, state = 1, pay_url = '' WHERE id = ?",
            values![before.attempts[0].attempt_id],
        );
        node.store("payment").commit(&node.cx(), Commit::new().write(forget).expect_rows(1)).await.unwrap();
        if has_webhook_first {
            let id = format!("evt_{order_id}");
            deliver(node, &id, "payment_intent.succeeded", &intent(&before, 0)).await.unwrap();
            node.settle().await;
            let payment = fixture.payment(node, order_id).await;
            assert_eq!(attempts(&payment), [AttemptState::Succeeded]);
            assert_eq!(payment.attempts[0].provider_reference, before.attempts[0].provider_reference);
        } else {
            let after = fixture.start(node, order_id).await;
            assert_eq!(after.attempts, before.attempts, "the provider recognizes the attempt by its ID");
        }
    }
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_sandbox").await, 2);
    check(node).await;
}

pub(crate) async fn an_order_has_at_most_twenty_attempts(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    for n in 0..20 {
        let payment = fixture.start(node, order_id).await;
        assert_eq!(payment.attempts.len(), n + 1);
        deliver(node, &format!("evt_{n}"), "payment_intent.payment_failed", &intent(&payment, n)).await.unwrap();
    }
    let refused = node.payments().start_payment(&fixture.customer.cx(), with_sandbox(order_id)).await;
    assert_eq!(code(&refused), "PAYMENT_ATTEMPTS_LIMIT");
    let payment = fixture.payment(node, order_id).await;
    assert_eq!(payment.attempts[19].failure, "declined");
    check(node).await;
}
