//! The payment page of the sandbox: four buttons, and webhooks that arrive later.

use pulse_contract::order::v1::{OrderState, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_testkit::TestNode;
use pulse_testkit::http::{Http, Reply};

use crate::SECOND;
use crate::shop_fixtures::*;

async fn press(http: &Http, path: &str, button: &str) -> Reply {
    let form = http.ask("POST", path).body(format!("choice={button}"));
    form.header("content-type", "application/x-www-form-urlencoded").send().await
}

/// Loads a page and checks its content security policy.
async fn load(http: &Http, path: &str) -> String {
    let reply = http.get(path).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let policy = reply.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("form-action 'self'"), "{policy}");
    assert!(!reply.text().contains("<script"));
    reply.text().to_owned()
}

/// PL-11, PL-15: an order, its payment page, a webhook, a paid order.
pub(crate) async fn a_customer_pays_on_the_page(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let http = node.http();
    let back = "https://shop.example/thanks?a=1&b=\"2\"";
    let body = serde_json::json!({ "provider": "sandbox", "return_url": back });
    let path = format!("/v1/orders/{order_id}/payments");
    let payment: Payment = http.post(&path, &body).by(&fixture.customer).key("k").send().await.ok();
    let page = payment.attempts[0].pay_url.clone();

    let shown = load(&http, &page).await;
    assert!(shown.contains("19.90 CNY") && shown.contains("value=\"twice\""), "{shown}");
    assert!(shown.contains("a=1&amp;b=&quot;2&quot;"), "input is escaped: {shown}");
    let chinese = http.get(&page).header("accept-language", "zh-CN,zh;q=0.9").send().await;
    assert!(chinese.text().contains("支付") && chinese.text().contains("lang=\"zh-CN\""));

    let pressed = press(&http, &page, "pay").await;
    let location = pressed.headers["location"].to_str().unwrap();
    assert_eq!((pressed.status, format!("http://{}{location}", http.address())), (303, page.clone()));
    assert!(load(&http, &page).await.contains("Paid"));
    node.settle().await;
    let order = fixture.see(node, order_id).await;
    assert_eq!((order.state(), order.payment_state()), (OrderState::Confirmed, PaymentState::Paid));
    assert_eq!(kinds(node, order_id).await, ["capture"]);

    // A paid payment stays paid, whichever button is pressed.
    for button in ["decline", "pay", "twice", "delay"] {
        press(&http, &page, button).await;
    }
    assert!(load(&http, &page).await.contains("Paid"));
    check(node).await;
    assert_eq!(kinds(node, order_id).await, ["capture"]);
}

pub(crate) async fn a_declined_payment_is_tried_again_on_the_same_page(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let page = fixture.start(node, order_id).await.attempts[0].pay_url.clone();
    let http = node.http();
    press(&http, &page, "decline").await;
    assert!(load(&http, &page).await.contains("declined"));
    node.settle().await;
    let payment = fixture.payment(node, order_id).await;
    assert_eq!((attempts(&payment), payment.state()), (vec![AttemptState::Failed], IntentState::Open));
    assert_eq!(payment.attempts[0].failure, "Your card was declined.");
    press(&http, &page, "pay").await;
    check(node).await;
    let payment = fixture.payment(node, order_id).await;
    assert_eq!((attempts(&payment), payment.state()), (vec![AttemptState::Succeeded], IntentState::Succeeded));
    assert_eq!(payment.attempts[0].failure, "");
    assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Confirmed);
}

/// R10: a delayed payment, with a timer that survives a restart.
pub(crate) async fn a_slow_payment_arrives_later(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let page = fixture.start(node, order_id).await.attempts[0].pay_url.clone();
    press(&node.http(), &page, "delay").await;
    node.settle().await;
    assert_eq!(fixture.payment(node, order_id).await.state(), IntentState::Processing);
    node.advance(SECOND * 9);
    node.settle().await;
    assert_eq!(fixture.see(node, order_id).await.state(), OrderState::AwaitingPayment);
    node.restart().await;
    node.advance(SECOND);
    check(node).await;
    assert_eq!(fixture.see(node, order_id).await.state(), OrderState::Confirmed);
    assert_eq!(kinds(node, order_id).await, ["capture"]);
}

/// R15: the same event twice, then an older one.
pub(crate) async fn a_payment_that_is_reported_twice_and_out_of_order_counts_once(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let page = fixture.start(node, order_id).await.attempts[0].pay_url.clone();
    press(&node.http(), &page, "twice").await;
    assert_eq!(node.store("payment").due_timers(node.now(), 10).await.unwrap().len(), 3);
    check(node).await;
    assert_eq!(number(node, "SELECT COUNT(*) FROM payment_webhooks").await, 2);
    assert_eq!(attempts(&fixture.payment(node, order_id).await), [AttemptState::Succeeded]);
    assert_eq!(kinds(node, order_id).await, ["capture"]);
}

pub(crate) async fn unknown_pages_do_not_exist(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.order(node).await;
    let page = fixture.start(node, order_id).await.attempts[0].pay_url.clone();
    assert_eq!(page.len(), "/pay/".len() + 64, "the token has 256 bits");
    let http = node.http();
    let guess = format!("/pay/{}", "0".repeat(64));
    let shown = http.get(&guess).send().await;
    assert_eq!((shown.status, shown.code().as_str()), (404, "PAYMENT_NOT_FOUND"));
    let pressed = press(&http, &guess, "pay").await;
    assert_eq!((pressed.status, pressed.code().as_str()), (404, "PAYMENT_NOT_FOUND"));
    let odd = press(&http, &page, "steal").await;
    assert_eq!((odd.status, odd.code().as_str()), (400, "VALIDATION_FAILED"));
    assert_eq!(fixture.payment(node, order_id).await.state(), IntentState::Open);
}
