//! The sandbox as people meet it: a page, four buttons, and webhooks that come when they come.

use pulse_contract::order::v1::{OrderState, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_testkit::TestNode;
use pulse_testkit::http::{Http, Reply};

use crate::SECOND;
use crate::street::*;

async fn press(http: &Http, path: &str, button: &str) -> Reply {
    let form = http.ask("POST", path).body(format!("choice={button}"));
    form.header("content-type", "application/x-www-form-urlencoded").send().await
}

/// A page, which must not be able to do more than a page.
async fn look(http: &Http, path: &str) -> String {
    let reply = http.get(path).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let policy = reply.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("form-action 'self'"), "{policy}");
    assert!(!reply.text().contains("<script"));
    reply.text().to_owned()
}

/// PL-11, PL-15: an order, a page, a button, a webhook, a paid order.
pub(crate) async fn a_customer_pays_on_the_page(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let http = node.http();
    let back = "https://shop.example/thanks?a=1&b=\"2\"";
    let body = serde_json::json!({ "provider": "sandbox", "return_url": back });
    let path = format!("/v1/orders/{order_id}/payments");
    let payment: Payment = http.post(&path, &body).by(&street.customer).key("k").send().await.ok();
    let page = payment.attempts[0].pay_url.clone();

    let shown = look(&http, &page).await;
    assert!(shown.contains("19.90 CNY") && shown.contains("value=\"twice\""), "{shown}");
    assert!(shown.contains("a=1&amp;b=&quot;2&quot;"), "what others gave is text: {shown}");
    let chinese = http.get(&page).header("accept-language", "zh-CN,zh;q=0.9").send().await;
    assert!(chinese.text().contains("支付") && chinese.text().contains("lang=\"zh-CN\""));

    let pressed = press(&http, &page, "pay").await;
    let location = pressed.headers["location"].to_str().unwrap();
    assert_eq!((pressed.status, format!("http://{}{location}", http.address())), (303, page.clone()));
    assert!(look(&http, &page).await.contains("Paid"));
    node.settle().await;
    let order = street.see(node, order_id).await;
    assert_eq!((order.state(), order.payment_state()), (OrderState::Confirmed, PaymentState::Paid));
    assert_eq!(kinds(node, order_id).await, ["capture"]);

    // What is paid stays paid, whatever is pressed.
    for button in ["decline", "pay", "twice", "delay"] {
        press(&http, &page, button).await;
    }
    assert!(look(&http, &page).await.contains("Paid"));
    check(node).await;
    assert_eq!(kinds(node, order_id).await, ["capture"]);
}

pub(crate) async fn a_declined_payment_is_tried_again_on_the_same_page(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let page = street.start(node, order_id).await.attempts[0].pay_url.clone();
    let http = node.http();
    press(&http, &page, "decline").await;
    assert!(look(&http, &page).await.contains("declined"));
    node.settle().await;
    let payment = street.payment(node, order_id).await;
    assert_eq!((attempts(&payment), payment.state()), (vec![AttemptState::Failed], IntentState::Open));
    assert_eq!(payment.attempts[0].failure, "Your card was declined.");
    press(&http, &page, "pay").await;
    check(node).await;
    let payment = street.payment(node, order_id).await;
    assert_eq!((attempts(&payment), payment.state()), (vec![AttemptState::Succeeded], IntentState::Succeeded));
    assert_eq!(payment.attempts[0].failure, "");
    assert_eq!(street.see(node, order_id).await.state(), OrderState::Confirmed);
}

/// R10, and a timer that outlives a restart.
pub(crate) async fn a_slow_payment_arrives_later(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let page = street.start(node, order_id).await.attempts[0].pay_url.clone();
    press(&node.http(), &page, "delay").await;
    node.settle().await;
    assert_eq!(street.payment(node, order_id).await.state(), IntentState::Processing);
    node.advance(SECOND * 9);
    node.settle().await;
    assert_eq!(street.see(node, order_id).await.state(), OrderState::AwaitingPayment);
    node.restart().await;
    node.advance(SECOND);
    check(node).await;
    assert_eq!(street.see(node, order_id).await.state(), OrderState::Confirmed);
    assert_eq!(kinds(node, order_id).await, ["capture"]);
}

/// R15: the same event twice, and an older one last.
pub(crate) async fn a_payment_that_is_told_twice_and_out_of_order_counts_once(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let page = street.start(node, order_id).await.attempts[0].pay_url.clone();
    press(&node.http(), &page, "twice").await;
    assert_eq!(node.store("payment").due_timers(node.now(), 10).await.unwrap().len(), 3);
    check(node).await;
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_webhooks").await, 2);
    assert_eq!(attempts(&street.payment(node, order_id).await), [AttemptState::Succeeded]);
    assert_eq!(kinds(node, order_id).await, ["capture"]);
}

pub(crate) async fn pages_that_nobody_was_given_are_not_there(node: &mut TestNode) {
    let street = Street::of(node).await;
    let order_id = street.order(node).await;
    let page = street.start(node, order_id).await.attempts[0].pay_url.clone();
    assert_eq!(page.len(), "/pay/".len() + 64, "as long as the key: nobody guesses it");
    let http = node.http();
    let guess = format!("/pay/{}", "0".repeat(64));
    let shown = http.get(&guess).send().await;
    assert_eq!((shown.status, shown.code().as_str()), (404, "PAYMENT_NOT_FOUND"));
    let pressed = press(&http, &guess, "pay").await;
    assert_eq!((pressed.status, pressed.code().as_str()), (404, "PAYMENT_NOT_FOUND"));
    let odd = press(&http, &page, "steal").await;
    assert_eq!((odd.status, odd.code().as_str()), (400, "VALIDATION_FAILED"));
    assert_eq!(street.payment(node, order_id).await.state(), IntentState::Open);
}
