//! What a customer may buy of a voucher, over all of their orders.

use std::time::Duration;

use futures::future::join_all;
use pulse_contract::Money;
use pulse_contract::marketing::v1::*;
use pulse_contract::order::v1::order_paid::Line;
use pulse_contract::order::v1::{OrderCancelled, OrderKind, OrderPaid};
use pulse_kernel::Error;
use pulse_testkit::TestNode;

use crate::orders::say;
use crate::{MINUTE, assert_sound, code, give_back, later, rows, tally, template, ten_off, wire};

const BUYER: i64 = 1;

/// A voucher of which one customer may have three.
async fn voucher(node: &TestNode) -> i64 {
    let price = Some(Money { minor: 500, currency: "CNY".to_owned() });
    let draft =
        TemplateDraft { distribution: Distribution::Purchase.into(), price, per_customer_limit: 3, ..ten_off(node) };
    template(node, draft).await.template_id
}

async fn hold(node: &TestNode, template_id: i64, order_id: i64, quantity: i32) -> Result<i32, Error> {
    hold_by(node, BUYER, (template_id, order_id, quantity)).await
}

/// Holds vouchers for an order of this account, a quarter of an hour long; says how many more it could have.
async fn hold_by(
    node: &TestNode,
    account_id: i64,
    (template_id, order_id, quantity): (i64, i64, i32),
) -> Result<i32, Error> {
    let expires_at = wire(node.now().plus(15 * MINUTE));
    let request = ReserveVoucherSlotsRequest { order_id, account_id, template_id, quantity, expires_at };
    Ok(node.coupons().reserve_voucher_slots(&node.cx(), request).await?.left_quantity)
}

/// So much later, with what its end has caused.
async fn pass(node: &TestNode, duration: Duration) {
    later(node, duration).await;
    node.settle().await;
}

/// An order of vouchers as the order context tells that it is paid.
fn paid(template_id: i64, order_id: i64, quantity: i32) -> OrderPaid {
    let line = Line { product_id: template_id, quantity, ..Line::default() };
    OrderPaid {
        order_id,
        customer_account_id: BUYER,
        kind: OrderKind::VirtualVoucher.into(),
        lines: vec![line],
        version: 2,
        ..OrderPaid::default()
    }
}

/// PL-06: what was bought, and what an order may still pay, count together; what is not bought after all counts no more.
pub(crate) async fn the_limit_is_over_all_orders(node: &mut TestNode) {
    let id = voucher(node).await;
    assert_eq!(hold(node, id, 7, 2).await.unwrap(), 1);
    let refused = hold(node, id, 8, 2).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.detail()),
        ("MARKETING_CUSTOMER_LIMIT", "one customer may have 3, and can have 1 more")
    );
    assert_eq!(hold_by(node, 2, (id, 9, 3)).await.unwrap(), 0, "another customer");
    assert_eq!(hold(node, voucher(node).await, 10, 3).await.unwrap(), 0, "another voucher");
    // The same order again is the same places; it cannot ask for others.
    assert_eq!(hold(node, id, 7, 2).await.unwrap(), 1);
    assert_eq!(code(&hold(node, id, 7, 3).await), "IDEMPOTENCY_KEY_REUSED");
    // Paid, and cancelled before it was: the first stays, the second is free.
    say(node, 7, &paid(id, 7, 2)).await;
    node.settle().await;
    assert_eq!(hold(node, id, 11, 1).await.unwrap(), 0);
    say(node, 11, &OrderCancelled { order_id: 11, version: 2, ..OrderCancelled::default() }).await;
    node.settle().await;
    assert_eq!(hold(node, id, 12, 1).await.unwrap(), 0);
    give_back(node, 12).await;
    assert_eq!(code(&hold(node, id, 12, 1).await), "MARKETING_CUSTOMER_LIMIT", "it gave them back for good");
    // Nobody pays: a quarter of an hour later the place is free, and what was paid is not.
    assert_eq!(hold(node, id, 13, 1).await.unwrap(), 0);
    pass(node, 15 * MINUTE).await;
    assert_eq!(hold(node, id, 14, 1).await.unwrap(), 0);
    assert_eq!(code(&hold(node, id, 15, 1).await), "MARKETING_CUSTOMER_LIMIT");
    assert_sound(node).await;
}

/// PL-06: of twenty orders of one customer at once, as many get a place as there are, whatever they are of.
pub(crate) async fn orders_at_once_share_the_limit(node: &mut TestNode) {
    let id = voucher(node).await;
    for round in 0..3 {
        let first = 100 * (round + 1);
        let wanted = (first..first + 20).map(|order| hold(node, id, order, 1));
        let outcomes = join_all(wanted).await;
        assert_eq!(tally(outcomes.iter().map(code)), [("MARKETING_CUSTOMER_LIMIT", 17), ("ok", 3)]);
        let places: Vec<(i64,)> = rows(node, "SELECT slot FROM marketing_purchase_slots ORDER BY slot").await;
        assert_eq!(places, [(1,), (2,), (3,)]);
        assert_sound(node).await;
        for order in first..first + 20 {
            give_back(node, order).await;
        }
    }
    // The same order from twenty tabs takes its places once.
    let again = join_all((0..20).map(|_| hold(node, id, 7, 2))).await;
    assert!(again.iter().all(|left| matches!(left, Ok(1))), "{again:?}");
    assert_sound(node).await;
}

/// A hold that is asked for again lasts longer, so that a payment that is under way keeps its places.
pub(crate) async fn places_are_kept_longer_when_they_are_asked_for_again(node: &mut TestNode) {
    let id = voucher(node).await;
    hold(node, id, 7, 3).await.unwrap();
    pass(node, 10 * MINUTE).await;
    hold(node, id, 7, 3).await.unwrap();
    pass(node, 10 * MINUTE).await;
    assert_eq!(code(&hold(node, id, 8, 1).await), "MARKETING_CUSTOMER_LIMIT");
    pass(node, 5 * MINUTE).await;
    assert_eq!(hold(node, id, 8, 1).await.unwrap(), 2);
    assert_sound(node).await;
}

/// What counts wrongly is found.
pub(crate) async fn places_of_nobody_are_found(node: &mut TestNode) {
    let id = voucher(node).await;
    hold(node, id, 7, 2).await.unwrap();
    let store = node.store("marketing");
    let write = |text| pulse_store::Commit::new().write(pulse_store::Statement::new(text, pulse_store::values![]));
    let found = async || {
        let verified = pulse_marketing::verify(store, node.stock(), false).await.unwrap();
        verified.findings.iter().map(|finding| finding.invariant).collect::<Vec<_>>()
    };
    store.commit(&node.cx(), write("DELETE FROM marketing_purchase_slots WHERE slot = (SELECT slot FROM (SELECT MIN(slot) AS slot FROM marketing_purchase_slots) least)")).await.unwrap();
    assert_eq!(found().await, ["marketing.reservation_has_slots"]);
    store.commit(&node.cx(), write("UPDATE marketing_purchase_slots SET slot = 4")).await.unwrap();
    assert_eq!(found().await, ["marketing.reservation_has_slots", "marketing.customer_limits"]);
}
