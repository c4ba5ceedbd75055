//! Limit of vouchers per customer over all orders.

use std::time::Duration;

use futures::future::join_all;
use pulse_contract::Money;
use pulse_contract::marketing::v1::*;
use pulse_contract::order::v1::order_paid::Line;
use pulse_contract::order::v1::{OrderCancelled, OrderKind, OrderPaid};
use pulse_kernel::Error;
use pulse_testkit::TestNode;

use crate::orders::say;
use crate::{MINUTE, assert_sound, code, later, return_coupons_of, rows, tally, template, ten_off, wire};

const BUYER: i64 = 1;

/// A voucher with a limit of three per customer.
async fn voucher(node: &TestNode) -> i64 {
    let price = Some(Money { minor: 500, currency: "CNY".to_owned() });
    let draft =
        TemplateDraft { distribution: Distribution::Purchase.into(), price, per_customer_limit: 3, ..ten_off(node) };
    template(node, draft).await.template_id
}

async fn reserve(node: &TestNode, template_id: i64, order_id: i64, quantity: i32) -> Result<i32, Error> {
    reserve_by(node, BUYER, (template_id, order_id, quantity)).await
}

/// Reserves slots of an account for an order, for 15 minutes. Returns the number of free slots.
async fn reserve_by(
    node: &TestNode,
    account_id: i64,
    (template_id, order_id, quantity): (i64, i64, i32),
) -> Result<i32, Error> {
    let expires_at = wire(node.now().plus(15 * MINUTE));
    let request = ReserveVoucherSlotsRequest { order_id, account_id, template_id, quantity, expires_at };
    Ok(node.coupons().reserve_voucher_slots(&node.cx(), request).await?.left_quantity)
}

/// Advances the clock and fires timers.
async fn pass(node: &TestNode, duration: Duration) {
    later(node, duration).await;
    node.settle().await;
}

/// The event of a paid order of vouchers.
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

/// PL-06: paid orders and orders that can still be paid count together; cancelled and expired orders do not count.
pub(crate) async fn the_limit_is_over_all_orders(node: &mut TestNode) {
    let id = voucher(node).await;
    assert_eq!(reserve(node, id, 7, 2).await.unwrap(), 1);
    let refused = reserve(node, id, 8, 2).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.detail()),
        ("MARKETING_CUSTOMER_LIMIT", "a customer can have at most 3 coupons of this template; left: 1")
    );
    assert_eq!(reserve_by(node, 2, (id, 9, 3)).await.unwrap(), 0, "another customer");
    assert_eq!(reserve(node, voucher(node).await, 10, 3).await.unwrap(), 0, "another voucher");
    // A repeated request has the same slots; another quantity is refused.
    assert_eq!(reserve(node, id, 7, 2).await.unwrap(), 1);
    assert_eq!(code(&reserve(node, id, 7, 3).await), "IDEMPOTENCY_KEY_REUSED");
    // One order is paid and keeps its slot, the other is cancelled and releases it.
    say(node, 7, &paid(id, 7, 2)).await;
    node.settle().await;
    assert_eq!(reserve(node, id, 11, 1).await.unwrap(), 0);
    say(node, 11, &OrderCancelled { order_id: 11, version: 2, ..OrderCancelled::default() }).await;
    node.settle().await;
    assert_eq!(reserve(node, id, 12, 1).await.unwrap(), 0);
    return_coupons_of(node, 12).await;
    assert_eq!(code(&reserve(node, id, 12, 1).await), "MARKETING_CUSTOMER_LIMIT", "the order cannot reserve again");
    // Without a payment the slot is free after 15 minutes; slots of paid orders are not.
    assert_eq!(reserve(node, id, 13, 1).await.unwrap(), 0);
    pass(node, 15 * MINUTE).await;
    assert_eq!(reserve(node, id, 14, 1).await.unwrap(), 0);
    assert_eq!(code(&reserve(node, id, 15, 1).await), "MARKETING_CUSTOMER_LIMIT");
    assert_sound(node).await;
}

/// PL-06: twenty concurrent orders of one customer take exactly the free slots.
pub(crate) async fn orders_at_once_share_the_limit(node: &mut TestNode) {
    let id = voucher(node).await;
    for round in 0..3 {
        let first = 100 * (round + 1);
        let wanted = (first..first + 20).map(|order| reserve(node, id, order, 1));
        let outcomes = join_all(wanted).await;
        assert_eq!(tally(outcomes.iter().map(code)), [("MARKETING_CUSTOMER_LIMIT", 17), ("ok", 3)]);
        let slots: Vec<(i64,)> = rows(node, "SELECT slot FROM marketing_purchase_slots ORDER BY slot").await;
        assert_eq!(slots, [(1,), (2,), (3,)]);
        assert_sound(node).await;
        for order in first..first + 20 {
            return_coupons_of(node, order).await;
        }
    }
    // Twenty concurrent requests of one order take its slots once.
    let again = join_all((0..20).map(|_| reserve(node, id, 7, 2))).await;
    assert!(again.iter().all(|left| matches!(left, Ok(1))), "{again:?}");
    assert_sound(node).await;
}

/// A repeated request extends the reservation, so that a running payment keeps its slots.
pub(crate) async fn a_repeated_request_extends_the_reservation(node: &mut TestNode) {
    let id = voucher(node).await;
    reserve(node, id, 7, 3).await.unwrap();
    pass(node, 10 * MINUTE).await;
    reserve(node, id, 7, 3).await.unwrap();
    pass(node, 10 * MINUTE).await;
    assert_eq!(code(&reserve(node, id, 8, 1).await), "MARKETING_CUSTOMER_LIMIT");
    pass(node, 5 * MINUTE).await;
    assert_eq!(reserve(node, id, 8, 1).await.unwrap(), 2);
    assert_sound(node).await;
}

/// Missing and surplus slots are found.
pub(crate) async fn wrong_slots_are_found(node: &mut TestNode) {
    let id = voucher(node).await;
    reserve(node, id, 7, 2).await.unwrap();
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
