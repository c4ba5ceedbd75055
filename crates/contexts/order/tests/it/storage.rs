//! Stored orders: old schemas stay readable, and invariants are checked.

use prost::Message;
use pulse_contract::Json;
use pulse_contract::order::v1::*;
use pulse_kernel::id::AccountId;
use pulse_kernel::{Actor, Cx, Principal};
use pulse_store::{Commit, Insert, Statement, values};
use pulse_testkit::TestNode;

use crate::MINUTE;
use crate::shop_fixtures::{ShopFixture, assert_clean, pay};

/// An order of each schema version, with its content. Fixtures are only added.
const FIXTURES: &[(&str, &str)] =
    &[(include_str!("../fixtures/stored_order/1.hex"), include_str!("../fixtures/stored_order/1.json"))];

/// Writes a row as the version of Pulse that created the fixture.
async fn put(node: &TestNode, body: &[u8]) -> i64 {
    let stored = StoredOrder::decode(body).unwrap();
    let order = stored.order.unwrap();
    let columns = &[
        "id",
        "shop_id",
        "customer_id",
        "pre_order_id",
        "state",
        "payment_state",
        "version",
        "placed_at",
        "updated_at",
        "body",
    ];
    let row = Insert::into("order_orders", columns).row(values![
        order.order_id,
        order.shop_id,
        order.customer_account_id,
        None::<i64>,
        order.state,
        order.payment_state,
        order.version,
        node.now(),
        node.now(),
        body.to_vec()
    ]);
    node.store("order").commit(&node.cx(), Commit::new().insert(row)).await.unwrap();
    order.order_id
}

/// PL-57: an order of every schema version is read, moved and written again without loss.
pub(crate) async fn old_orders_stay_readable(node: &mut TestNode) {
    assert!(!FIXTURES.is_empty());
    for (body, expected) in FIXTURES {
        let body = hex::decode(body.replace(char::is_whitespace, "")).unwrap();
        let order_id = put(node, &body).await;
        let expected: Order = Json::from_json(expected.as_bytes()).unwrap();
        let account = AccountId::new(expected.customer_account_id);
        let principal = Principal { account, session: 1, roles: vec![], shops: vec![] };
        let cx: Cx = node.cx().with_actor(Actor::Principal(principal.into()));
        let seen = node.orders().get_order(&cx, GetOrderRequest { order_id }).await.unwrap();
        assert_eq!(seen, expected);
        let moved = node.orders().complete_order(&cx, CompleteOrderRequest { order_id }).await.unwrap();
        assert_eq!((&moved.lines, &moved.price, &moved.address), (&expected.lines, &expected.price, &expected.address));
        assert_eq!((moved.state(), moved.version), (OrderState::Completed, expected.version + 1));
    }
    node.settle().await;
    assert_clean(node).await;
    // A row with a newer schema version is rejected.
    let newer =
        StoredOrder { schema: 4_711, order: Some(Order { order_id: 5, ..Order::default() }), ..Default::default() };
    put(node, &newer.encode_to_vec()).await;
    let refused = node.orders().get_order(&node.cx(), GetOrderRequest { order_id: 5 }).await.unwrap_err();
    assert_eq!(refused.code(), "INTERNAL");
}

/// Orders of all kinds and states pass the checks.
pub(crate) async fn a_clean_context_verifies(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    let paid = fixture.place(node, fixture.teas(1)).await.unwrap();
    pay(node, &paid).await;
    fixture.place_cash(node, fixture.delivered(fixture.teas(2))).await.unwrap();
    let cancelled = fixture.place(node, fixture.teas(1)).await.unwrap();
    fixture.cancel(node, cancelled.order_id).await.unwrap();
    fixture.place(node, fixture.teas(1)).await.unwrap();
    node.settle().await;
    let verified = pulse_order::verify(node.store("order"), false).await.unwrap();
    assert_eq!(verified.findings, []);
    let counts: Vec<u64> = verified.checked.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [4, 4, 4, 1, 0, 4]);
    assert_clean(node).await;
}

async fn change(node: &TestNode, order_id: i64, change: impl FnOnce(&mut StoredOrder)) {
    let store = node.store("order");
    let query = Statement::new("SELECT body FROM order_orders WHERE id = ?", values![order_id]);
    let (body,): (Vec<u8>,) = store.one(query).await.unwrap();
    let mut stored = StoredOrder::decode(body.as_slice()).unwrap();
    change(&mut stored);
    let update =
        Statement::new("UPDATE order_orders SET body = ? WHERE id = ?", values![stored.encode_to_vec(), order_id]);
    store.commit(&node.cx(), Commit::new().write(update).expect_rows(1)).await.unwrap();
}

/// Violations of each invariant are found, and repaired where possible.
pub(crate) async fn violations_are_found_and_repaired(node: &mut TestNode) {
    let fixture = ShopFixture::with_tea(node, 100).await;
    let mut placed = Vec::new();
    for _ in 0..4 {
        placed.push(fixture.place(node, fixture.teas(1)).await.unwrap().order_id);
    }
    pay(node, &fixture.seen(node, placed[2]).await).await;
    node.settle().await;
    change(node, placed[0], |stored| stored.order.as_mut().unwrap().price.as_mut().unwrap().total_minor += 1).await;
    change(node, placed[1], |stored| stored.order.as_mut().unwrap().history.clear()).await;
    change(node, placed[2], |stored| stored.payment = None).await;
    let forget = Commit::new().cancel_timer("order.expire", placed[3]);
    node.store("order").commit(&node.cx(), forget).await.unwrap();
    let lose = Statement::new("DELETE FROM order_list WHERE order_id = ?", values![placed[3]]);
    node.store("order").commit(&node.cx(), Commit::new().write(lose)).await.unwrap();
    let found = async |repair| {
        let verified = pulse_order::verify(node.store("order"), repair).await.unwrap();
        let mut found: Vec<(&str, bool)> =
            verified.findings.iter().map(|finding| (finding.invariant, finding.is_repaired)).collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let broken = ["order.payments_are_recorded", "order.prices_sum", "order.states_follow_histories"];
    let mendable = ["order.lists_show_the_orders", "order.unpaid_orders_have_a_deadline"];
    let expected = |is_repaired| {
        let facts = broken.iter().map(|name| (*name, false));
        let mut all: Vec<(&str, bool)> = facts.chain(mendable.iter().map(|name| (*name, is_repaired))).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(found(false).await, expected(false));
    assert_eq!(found(true).await, expected(true));
    let left: Vec<&str> = found(false).await.into_iter().map(|(name, _)| name).collect();
    assert!(left.iter().all(|name| broken.contains(name)), "{left:?}");
    node.advance(MINUTE * 15);
    node.settle().await;
    assert_eq!(fixture.seen(node, placed[3]).await.state(), OrderState::Cancelled);
}
