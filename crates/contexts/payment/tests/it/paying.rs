//! Attempts to pay: found again, shared, limited, and asked for once.

use futures::future::join_all;
use pulse_contract::order::v1::{OrderState, PaymentMethod, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_store::{Commit, Statement, values};
use pulse_testkit::TestNode;

use crate::street::*;
use crate::{code, tally};

/// PL-11, TR-26: starting twice is one attempt.
pub(crate) async fn an_attempt_is_found_again_while_it_is_open(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let payment = street.start(node, order_id).await;
    assert_eq!((payment.state(), attempts(&payment)), (IntentState::Open, vec![AttemptState::Open]));
    assert!(payment.attempts[0].pay_url.starts_with("/pay/"), "{}", payment.attempts[0].pay_url);
    assert_eq!(street.start(node, order_id).await, payment);
    assert_eq!(street.payment(node, order_id).await, payment);

    tell(node, "evt_1", "payment_intent.canceled", &intent(&payment, 0)).await.unwrap();
    let second = street.start(node, order_id).await;
    assert_eq!(attempts(&second), [AttemptState::Cancelled, AttemptState::Open]);
    assert_ne!(second.attempts[1].pay_url, second.attempts[0].pay_url);
    check(node).await;
}

/// R09, TR-26: two browsers start at the same time and both are told that it is paid: one attempt, one capture.
pub(crate) async fn two_browsers_at_once_share_one_attempt(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let cx = street.customer.cx();
    let both = join_all((0..8).map(|_| node.payments().start_payment(&cx, with_sandbox(order_id)))).await;
    let payments: Vec<Payment> = both.into_iter().map(Result::unwrap).collect();
    assert!(payments.iter().all(|payment| payment.attempts[0].attempt_id == payments[0].attempts[0].attempt_id));

    let told = (0..8).map(|n| tell(node, &format!("evt_{n}"), "payment_intent.succeeded", &intent(&payments[0], 0)));
    assert_eq!(tally(join_all(told).await.iter().map(code)), [("ok", 8)]);
    check(node).await;
    let payment = street.payment(node, order_id).await;
    assert_eq!((payment.state(), attempts(&payment)), (IntentState::Succeeded, vec![AttemptState::Succeeded]));
    assert_eq!(kinds(node, order_id).await, ["capture"]);
    assert_eq!(street.see(node, order_id).await.state(), OrderState::Confirmed);
}

/// R04, R09: the money of a second attempt is a surplus, and goes back once.
pub(crate) async fn paying_in_two_tabs_with_two_attempts_gives_the_surplus_back(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let first = street.start(node, order_id).await;
    tell(node, "evt_1", "payment_intent.payment_failed", &intent(&first, 0)).await.unwrap();
    let second = street.start(node, order_id).await;
    assert_eq!(attempts(&second), [AttemptState::Failed, AttemptState::Open]);

    let told = (0..2).map(|n| tell(node, &format!("evt_ok_{n}"), "payment_intent.succeeded", &intent(&second, n)));
    join_all(told).await.into_iter().for_each(|told| assert!(!told.unwrap()));
    // The sandbox itself has to know of the money before it can give it back.
    set_sandbox(node, "succeeded").await;
    check(node).await;

    let payment = street.payment(node, order_id).await;
    assert_eq!(attempts(&payment), [AttemptState::Succeeded; 2]);
    assert_eq!(refunds(&payment), [(RefundState::Succeeded, PRICE)]);
    assert_eq!(kinds(node, order_id).await, ["capture", "capture", "refund"]);
    let order = street.see(node, order_id).await;
    assert_eq!((order.state(), order.payment_state()), (OrderState::Confirmed, PaymentState::Paid));
    assert_eq!(balances(node).await.iter().map(|(_, minor)| *minor).collect::<Vec<_>>(), [PRICE, -PRICE]);
}

async fn set_sandbox(node: &TestNode, status: &str) {
    let update = Statement::new("UPDATE payment_sandbox SET status = ?", values![status]);
    node.store("payment").commit(&node.cx(), Commit::new().write(update)).await.unwrap();
}

/// Other people's orders, orders in cash and orders that are paid are not to be paid.
pub(crate) async fn only_the_customer_pays_and_only_what_waits_for_it(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let other = node.sign_up("+8613800138001").await;
    let start = async |person: &pulse_testkit::Person, request| {
        code(&node.payments().start_payment(&person.cx(), request).await)
    };
    assert_eq!(start(&other, with_sandbox(order_id)).await, "ORDER_NOT_FOUND");
    assert_eq!(start(&street.shop.owner, with_sandbox(order_id)).await, "PAYMENT_NOT_FOUND");
    assert_eq!(start(&street.customer, with_sandbox(order_id + 1)).await, "ORDER_NOT_FOUND");
    let elsewhere = StartPaymentRequest { provider: "paypal".to_owned(), ..with_sandbox(order_id) };
    assert_eq!(start(&street.customer, elsewhere).await, "PAYMENT_PROVIDER_UNKNOWN");
    let script = StartPaymentRequest { return_url: "javascript:alert(1)".to_owned(), ..with_sandbox(order_id) };
    assert_eq!(start(&street.customer, script).await, "VALIDATION_FAILED");
    let request = GetOrderPaymentRequest { order_id };
    assert_eq!(code(&node.payments().get_order_payment(&street.customer.cx(), request).await), "PAYMENT_NOT_FOUND");

    let default = StartPaymentRequest { provider: String::new(), ..with_sandbox(order_id) };
    assert_eq!(start(&street.customer, default).await, "ok");
    let get =
        async |person: &pulse_testkit::Person| code(&node.payments().get_order_payment(&person.cx(), request).await);
    assert_eq!(get(&street.customer).await, "ok");
    assert_eq!(get(&other).await, "PAYMENT_NOT_FOUND");
    assert_eq!(get(&street.shop.owner).await, "PAYMENT_NOT_FOUND");
    assert_eq!(get(&node.operator().await).await, "ok");

    let paid = street.paid(node).await;
    assert_eq!(start(&street.customer, with_sandbox(paid)).await, "PAYMENT_NOT_POSSIBLE");
    node.catalog().set_terms(&node.cx(), with_cash(street.shop.id())).await.unwrap();
    let cash = street.place(node, PaymentMethod::CashOnDelivery).await.order_id;
    assert_eq!(start(&street.customer, with_sandbox(cash)).await, "PAYMENT_NOT_POSSIBLE");
    check(node).await;
}

/// A shop that takes cash.
pub(crate) fn with_cash(shop_id: i64) -> pulse_contract::shop::v1::SetTermsRequest {
    let terms = pulse_contract::shop::v1::ShopTerms { is_cash_accepted: true, ..Default::default() };
    pulse_contract::shop::v1::SetTermsRequest { shop_id, terms: Some(terms) }
}

pub(crate) async fn a_repeated_key_gets_the_same_answer(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let cx = node.keyed(street.customer.cx(), "one", "StartPayment", &with_sandbox(order_id));
    let first = node.payments().start_payment(&cx, with_sandbox(order_id)).await.unwrap();
    tell(node, "evt_1", "payment_intent.canceled", &intent(&first, 0)).await.unwrap();
    let again = node.payments().start_payment(&cx, with_sandbox(order_id)).await.unwrap();
    assert_eq!(again, first, "as it was, although there would be another attempt by now");
    assert_eq!(attempts(&street.payment(node, order_id).await), [AttemptState::Cancelled]);
    check(node).await;
}

/// T5, R17: the process dies when the provider has the attempt and we have not written its answer. Whoever starts again
/// gets the same attempt, and a webhook that comes first finds it by our own id.
pub(crate) async fn a_crash_after_the_provider_was_asked_asks_for_the_same(node: &mut TestNode) {
    let street = Street::of(node).await;
    for has_webhook_first in [false, true] {
        let order_id = street.order(node).await;
        let before = street.start(node, order_id).await;
        // What is there after such a crash: the attempt, and nothing that the provider has said.
        let forget = Statement::new(
            "UPDATE payment_attempts SET provider_reference = NULL, state = 1, pay_url = '' WHERE id = ?",
            values![before.attempts[0].attempt_id],
        );
        node.store("payment").commit(&node.cx(), Commit::new().write(forget).expect_rows(1)).await.unwrap();
        if has_webhook_first {
            let id = format!("evt_{order_id}");
            tell(node, &id, "payment_intent.succeeded", &intent(&before, 0)).await.unwrap();
            node.settle().await;
            let payment = street.payment(node, order_id).await;
            assert_eq!(attempts(&payment), [AttemptState::Succeeded]);
            assert_eq!(payment.attempts[0].provider_reference, before.attempts[0].provider_reference);
        } else {
            let after = street.start(node, order_id).await;
            assert_eq!(after.attempts, before.attempts, "the provider knows the attempt by its id");
        }
    }
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_sandbox").await, 2);
    check(node).await;
}

pub(crate) async fn twenty_attempts_are_enough(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    for n in 0..20 {
        let payment = street.start(node, order_id).await;
        assert_eq!(payment.attempts.len(), n + 1);
        tell(node, &format!("evt_{n}"), "payment_intent.payment_failed", &intent(&payment, n)).await.unwrap();
    }
    let refused = node.payments().start_payment(&street.customer.cx(), with_sandbox(order_id)).await;
    assert_eq!(code(&refused), "PAYMENT_ATTEMPTS_LIMIT");
    let payment = street.payment(node, order_id).await;
    assert_eq!(payment.attempts[19].failure, "declined");
    check(node).await;
}
