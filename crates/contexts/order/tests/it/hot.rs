//! Queued placement: orders for hot items are placed in batches after the answer, each exactly once or not at all.

use futures::StreamExt;
use futures::future::join_all;
use pulse_bus::Mode;
use pulse_contract::Json;
use pulse_contract::marketing::v1::{CouponState, Distribution};
use pulse_contract::order::v1::*;
use pulse_contract::payment::v1::StartPaymentRequest;
use pulse_contract::stock::v1::*;
use pulse_kernel::Timestamp;
use pulse_store::Commit;
use pulse_testkit::config::Config;
use pulse_testkit::{Choice, Engine, TestNode, run_with};

use crate::shop_fixtures::{ShopFixture, line, placing, published};
use crate::vouchers::{buying, voucher};
use crate::{MINUTE, SECOND, code, tally};

const CONSUMER: &str = "order.queued_placement";

/// Runs the behaviour on every engine, with a threshold of three orders per second.
fn with_low_threshold(behaviour: impl AsyncFn(&mut TestNode)) {
    with(
        |config| {
            (
                config.order.queued_placement.start_orders_per_second,
                config.order.queued_placement.stop_orders_per_second,
            ) = (3, 2)
        },
        behaviour,
    );
}

fn with(change: impl Fn(&mut Config), behaviour: impl AsyncFn(&mut TestNode)) {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::MariaDb] {
        run_with(engine, &change, &behaviour);
    }
}

/// A shop whose tea is hot, with `units` teas besides the two that were ordered to make it hot.
async fn hot_tea(node: &TestNode, units: i64) -> ShopFixture {
    let fixture = ShopFixture::with_tea(node, units + 2).await;
    for _ in 0..2 {
        let order = fixture.place(node, fixture.teas(1)).await.unwrap();
        assert_eq!((order.placement_mode(), order.state()), (PlacementMode::Synchronous, OrderState::AwaitingPayment));
        assert_eq!((order.pending, order.refusal_code.as_str()), (None, ""));
    }
    fixture
}

async fn switch(node: &TestNode, mode: Mode) {
    node.bus().set_mode(CONSUMER, mode).await.unwrap();
    // A drained consumer has read its mode. Events that a paused one leaves do not matter.
    node.bus().drain().await;
}

/// Resumes queued placement until no event is left.
async fn resume(node: &TestNode) {
    switch(node, Mode::Running).await;
    node.settle().await;
}

/// Places an order of hot tea.
async fn place_hot(node: &TestNode, fixture: &ShopFixture, quantity: i32) -> Order {
    let order = fixture.place(node, fixture.teas(quantity)).await.unwrap();
    assert_eq!((order.placement_mode(), order.state()), (PlacementMode::Queued, OrderState::Placing));
    order
}

async fn movement_count(node: &TestNode, fixture: &ShopFixture) -> usize {
    let (shop_id, resource) = (fixture.shop.id(), Some(fixture.tea_units()));
    let request = ListMovementsRequest { shop_id, resource, page_size: 100, page_token: String::new() };
    node.stock().list_movements(&node.cx(), request).await.unwrap().movements.len()
}

/// Reserves the stock of an order as queued placement does.
async fn reserve(node: &TestNode, fixture: &ShopFixture, order: &Order, quantity: i64) -> Reservation {
    let until = order.expires_at.map(|at| Timestamp::from(at).plus(MINUTE * 10).into());
    let request = ReserveRequest {
        key: Some(ReservationKey { owner: ReservationOwner::Order.into(), id: order.order_id }),
        lines: vec![ReservationLine { resource: Some(fixture.tea_units()), quantity }],
        expires_at: until,
        is_payment: false,
    };
    node.stock().reserve(&node.cx(), request).await.unwrap()
}

fn ends(orders: &[Order]) -> Vec<(&str, usize)> {
    let end = |order: &Order| match (order.state(), order.cancel_reason()) {
        (OrderState::AwaitingPayment, CancelReason::Unspecified) => "placed",
        (OrderState::Cancelled, CancelReason::PlacementFailed) if order.refusal_code == "ORDER_STOCK_SHORT" => "short",
        (OrderState::Cancelled, CancelReason::PlacementFailed) if order.refusal_code == "ORDER_PLACING_TIMED_OUT" => {
            "late"
        }
        _ => "other",
    };
    tally(orders.iter().map(end))
}

async fn seen(node: &TestNode, fixture: &ShopFixture, orders: &[Order]) -> Vec<Order> {
    join_all(orders.iter().map(|order| fixture.seen(node, order.order_id))).await
}

/// TR-28, TR-29, TR-30, TR-31: orders of hot items are queued, others are not, and the order states its placement mode. A
/// queued order exists before the answer and is placed shortly after. After the burst, orders are placed synchronously.
#[test]
fn a_burst_is_queued_and_ends() {
    with_low_threshold(async |node| {
        let fixture = hot_tea(node, 10).await;
        switch(node, Mode::Paused).await;
        let order = place_hot(node, &fixture, 2).await;
        assert_eq!(fixture.seen(node, order.order_id).await, order, "the order exists before the answer");
        assert_eq!((order.history.len(), order.allowed_moves.as_slice()), (1, ["cancel".to_owned()].as_slice()));
        assert_eq!((fixture.tea_stock(node).await, movement_count(node, &fixture).await), ((12, 2), 4));
        let cake = OrderDraft { lines: vec![line(&fixture.cake, 1)], ..fixture.teas(1) };
        assert_eq!(
            fixture.place(node, cake.clone()).await.unwrap().placement_mode(),
            PlacementMode::Synchronous,
            "cake is not hot"
        );
        let both = OrderDraft { lines: vec![line(&fixture.cake, 1), line(&fixture.tea, 1)], ..cake };
        assert_eq!(fixture.place(node, both).await.unwrap().placement_mode(), PlacementMode::Queued, "tea is");
        // Refused orders are refused at once and do not count as a burst.
        let unknown =
            OrderDraft { lines: vec![CartLine { variant_id: 4_711, ..line(&fixture.cake, 1) }], ..fixture.teas(1) };
        for _ in 0..5 {
            let refused = node.orders().place_order(&fixture.customer.cx(), placing(unknown.clone(), 1)).await;
            assert_eq!(code(&refused), "ORDER_ITEM_UNKNOWN");
        }
        resume(node).await;
        let placed = fixture.seen(node, order.order_id).await;
        assert_eq!(
            (placed.placement_mode(), placed.state(), placed.version),
            (PlacementMode::Queued, OrderState::AwaitingPayment, 2)
        );
        assert_eq!((placed.pending, &placed.lines, &placed.price), (None, &order.lines, &order.price));
        assert_eq!((placed.placed_at, placed.expires_at), (order.placed_at, order.pending.unwrap().end_pay_time));
        let states: Vec<OrderState> = placed.history.iter().map(OrderStep::state).collect();
        assert_eq!(states, [OrderState::Placing, OrderState::AwaitingPayment]);
        assert_eq!(fixture.tea_stock(node).await, (12, 5));
        node.advance(SECOND * 2);
        let cool = fixture.place(node, fixture.teas(1)).await.unwrap();
        assert_eq!((cool.placement_mode(), cool.state()), (PlacementMode::Synchronous, OrderState::AwaitingPayment));
        pay(node, &fixture, order.order_id).await;
        let paid = fixture.seen(node, order.order_id).await;
        assert_eq!(
            (paid.state(), paid.placement_mode(), fixture.tea_stock(node).await),
            (OrderState::Confirmed, PlacementMode::Queued, (10, 4))
        );
        node.assert_books().await;
    });
}

/// Pays at the sandbox.
async fn pay(node: &TestNode, fixture: &ShopFixture, order_id: i64) {
    let request = StartPaymentRequest { order_id, provider: "sandbox".to_owned(), return_url: String::new() };
    let payment = node.payments().start_payment(&fixture.customer.cx(), request).await.unwrap();
    let token = payment.attempts[0].pay_url.rsplit('/').next().unwrap_or_default();
    node.sandbox().choose(token, Choice::Pay).await.unwrap();
    node.settle().await;
}

/// TR-33, TR-34: the answer has exactly these fields, with the parameters for polling.
#[test]
fn the_answer_states_amount_and_polling() {
    with_low_threshold(async |node| {
        let fixture = hot_tea(node, 10).await;
        switch(node, Mode::Paused).await;
        let order = place_hot(node, &fixture, 2).await;
        let pending: serde_json::Value = serde_json::from_slice(&order.pending.clone().unwrap().to_json()).unwrap();
        let fields = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(fields(&pending), ["end_pay_time", "is_async", "pay_amount", "pay_order_id", "poll"]);
        assert_eq!(fields(&pending["poll"]), ["give_up_ms", "interval_ms_max"]);
        let pending = order.pending.clone().unwrap();
        assert_eq!((pending.is_async, pending.pay_order_id), (true, order.order_id));
        assert_eq!(pending.pay_amount, Some(pulse_testkit::cny(ShopFixture::tea_total(2))));
        assert_eq!(pending.end_pay_time, Some(node.now().plus(MINUTE * 15).into()));
        let poll = pending.poll.unwrap();
        assert_eq!((poll.interval_ms_max, poll.give_up_ms), (2_000, 30_000));
        // The stream contains the current order and its next version.
        let request = WatchOrderRequest { order_id: order.order_id };
        let watched = node.orders().watch_order(&fixture.customer.cx(), request).await.unwrap();
        let stranger = node.sign_up("+8613800138009").await;
        let refused = node.orders().watch_order(&stranger.cx(), request).await;
        assert_eq!(code(&refused), "ORDER_NOT_FOUND");
        let (watched, ()) = futures::future::join(watched.collect::<Vec<_>>(), resume(node)).await;
        let states: Vec<OrderState> = watched.iter().map(|order| order.as_ref().unwrap().state()).collect();
        assert_eq!(states, [OrderState::Placing, OrderState::AwaitingPayment]);
        node.assert_books().await;
    });
}

/// TR-36, TR-37: sixty units, a hundred orders of one unit: sixty are placed, forty are cancelled with a reason.
#[test]
fn sixty_of_a_hundred_get_the_sixty_units() {
    with_low_threshold(async |node| {
        let fixture = hot_tea(node, 60).await;
        switch(node, Mode::Paused).await;
        let request = placing(fixture.teas(1), ShopFixture::tea_total(1));
        let cx = fixture.customer.cx();
        let outcomes = join_all((0..100).map(|_| node.orders().place_order(&cx, request.clone()))).await;
        let orders: Vec<Order> = outcomes.into_iter().map(Result::unwrap).collect();
        assert!(orders.iter().all(|order| order.state() == OrderState::Placing));
        resume(node).await;
        assert_eq!(ends(&seen(node, &fixture, &orders).await), [("placed", 60), ("short", 40)]);
        assert_eq!(fixture.tea_stock(node).await, (62, 62));
        assert_eq!(
            (published::<OrderPlaced>(node).await.len(), published::<OrderCancelled>(node).await.len()),
            (62, 40)
        );
        let counts = node.orders().count_my_orders(&cx, CountMyOrdersRequest {}).await.unwrap().counts;
        assert_eq!(counts.iter().map(|count| count.count).collect::<Vec<_>>(), [62, 40]);
        // Every unit of an unpaid order is available again (TR-19).
        node.advance(MINUTE * 15);
        node.assert_books().await;
        assert_eq!(fixture.tea_stock(node).await, (62, 0));
    });
}

/// The same while batches are placed at the same time, with repeated idempotency keys.
#[test]
fn a_concurrent_burst_sells_every_unit_once() {
    with_low_threshold(async |node| {
        let fixture = hot_tea(node, 60).await;
        let request = placing(fixture.teas(1), ShopFixture::tea_total(1));
        let keyed = |n: usize| node.keyed(fixture.customer.cx(), &format!("{:04x}", n % 100), "PlaceOrder", &request);
        let contexts: Vec<_> = (0..200).map(keyed).collect();
        let outcomes = join_all(contexts.iter().map(|cx| node.orders().place_order(cx, request.clone()))).await;
        node.settle().await;
        let refusals = ["ok", "ORDER_STOCK_SHORT", "IDEMPOTENCY_IN_FLIGHT"];
        assert!(outcomes.iter().all(|outcome| refusals.contains(&code(outcome))));
        let mut orders: Vec<Order> = outcomes.into_iter().filter_map(Result::ok).collect();
        orders.sort_unstable_by_key(|order| order.order_id);
        orders.dedup_by_key(|order| order.order_id);
        assert!((60..=100).contains(&orders.len()), "a key is one order: {}", orders.len());
        // Orders after the sell-out is known are refused at once; the others shortly after.
        let seen = seen(node, &fixture, &orders).await;
        let ends = ends(&seen);
        assert_eq!(ends.iter().find(|(end, _)| *end == "placed"), Some(&("placed", 60)), "{ends:?}");
        assert!(ends.iter().all(|(end, _)| ["placed", "short"].contains(end)), "{ends:?}");
        assert_eq!(fixture.tea_stock(node).await, (62, 62));
        node.assert_books().await;
    });
}

/// TR-32, TR-35: after its deadline an order is cancelled without a stock movement: by its timer, or by the batch.
#[test]
fn an_overdue_order_is_cancelled_without_a_movement() {
    with_low_threshold(async |node| {
        let fixture = hot_tea(node, 10).await;
        switch(node, Mode::Paused).await;
        let before = movement_count(node, &fixture).await;
        let orders = [place_hot(node, &fixture, 1).await, place_hot(node, &fixture, 1).await];
        node.advance(SECOND * 29);
        assert_eq!(node.fire_timers().await, 0);
        node.advance(SECOND);
        assert_eq!(node.fire_timers().await, 2);
        assert_eq!(ends(&seen(node, &fixture, &orders).await), [("late", 2)]);
        // An order that reaches a batch too late is cancelled there.
        node.advance(SECOND * 2);
        for _ in 0..2 {
            fixture.place(node, fixture.teas(1)).await.unwrap();
        }
        let order = place_hot(node, &fixture, 1).await;
        node.advance(SECOND * 30);
        resume(node).await;
        assert_eq!(ends(&seen(node, &fixture, &[order]).await), [("late", 1)]);
        assert_eq!(movement_count(node, &fixture).await, before + 2, "only of the two that were placed at once");
        assert_eq!(fixture.tea_stock(node).await, (12, 4));
        node.assert_books().await;
    });
}

/// If a node stops with queued orders, before or after their stock was reserved, each order has exactly one result.
#[test]
fn a_crash_between_any_two_steps_has_one_result() {
    with_low_threshold(async |node| {
        let fixture = hot_tea(node, 10).await;
        switch(node, Mode::Paused).await;
        let (first, second) = (place_hot(node, &fixture, 1).await, place_hot(node, &fixture, 2).await);
        let (third, fourth) = (place_hot(node, &fixture, 3).await, place_hot(node, &fixture, 1).await);
        // The node stopped after it reserved for two of them, before the commit.
        reserve(node, &fixture, &second, 2).await;
        reserve(node, &fixture, &fourth, 1).await;
        fixture.cancel(node, fourth.order_id).await.unwrap();
        node.restart().await;
        resume(node).await;
        let orders = seen(node, &fixture, &[first, second, third]).await;
        assert_eq!(ends(&orders), [("placed", 3)]);
        assert_eq!(fixture.tea_stock(node).await, (12, 8));
        assert_eq!(published::<OrderPlaced>(node).await.len(), 5);
        // The node stopped after the commit, before the acknowledgement: the same event again.
        for order in &orders {
            let again = OrderQueued { order_id: order.order_id };
            node.store("order").commit(&node.cx(), Commit::new().event(order.order_id, &again)).await.unwrap();
        }
        node.settle().await;
        assert_eq!(seen(node, &fixture, &orders).await, orders);
        // The node did not start again in time.
        node.advance(SECOND * 2);
        for _ in 0..2 {
            fixture.place(node, fixture.teas(1)).await.unwrap();
        }
        switch(node, Mode::Paused).await;
        let lost = place_hot(node, &fixture, 2).await;
        reserve(node, &fixture, &lost, 2).await;
        assert_eq!(fixture.tea_stock(node).await, (12, 12));
        node.advance(MINUTE);
        node.restart().await;
        resume(node).await;
        assert_eq!(ends(&seen(node, &fixture, &[lost]).await), [("late", 1)]);
        assert_eq!(fixture.tea_stock(node).await, (12, 10));
        node.assert_books().await;
    });
}

/// A queued order cannot be paid, and can be cancelled; its reservation is released, whichever is handled first.
#[test]
fn a_queued_order_can_be_cancelled_but_not_paid() {
    with_low_threshold(async |node| {
        let fixture = hot_tea(node, 10).await;
        switch(node, Mode::Paused).await;
        let order = place_hot(node, &fixture, 1).await;
        let order_id = order.order_id;
        let request = StartPaymentRequest { order_id, ..StartPaymentRequest::default() };
        let refused = node.payments().start_payment(&fixture.customer.cx(), request).await;
        assert_eq!(code(&refused), "PAYMENT_ORDER_NOT_PLACED");
        let reserved = place_hot(node, &fixture, 4).await;
        reserve(node, &fixture, &reserved, 4).await;
        for order_id in [order_id, reserved.order_id] {
            let cancelled = fixture.cancel(node, order_id).await.unwrap();
            assert_eq!(
                (cancelled.state(), cancelled.cancel_reason()),
                (OrderState::Cancelled, CancelReason::ByCustomer)
            );
            assert_eq!((cancelled.pending, cancelled.refusal_code.as_str()), (None, ""));
        }
        resume(node).await;
        assert_eq!((fixture.tea_stock(node).await, published::<OrderPlaced>(node).await.len()), ((12, 2), 2));
        assert_eq!(code(&fixture.cancel(node, order_id).await), "ORDER_MOVE_INVALID");
        node.assert_books().await;
    });
}

/// Coupons are reserved with the request, and released if the stock does not suffice. With a placement the cart is deleted,
/// and cash and voucher orders continue as usual.
#[test]
fn every_kind_of_order_can_be_queued() {
    with_low_threshold(async |node| {
        let fixture = hot_tea(node, 3).await;
        let coupon = fixture.coupon(node, 500, 1_000).await;
        let lines = vec![line(&fixture.tea, 1)];
        let cart = PutCartRequest { shop_id: fixture.shop.id(), lines: lines.clone() };
        node.orders().put_cart(&fixture.customer.cx(), cart).await.unwrap();
        switch(node, Mode::Paused).await;
        let cash = fixture.place_cash(node, fixture.teas(1)).await.unwrap();
        assert_eq!((cash.state(), cash.pending.as_ref().unwrap().end_pay_time), (OrderState::Placing, None));
        let of_cart = OrderDraft { lines: Vec::new(), is_cart: true, ..fixture.teas(1) };
        let of_cart = fixture.place(node, of_cart).await.unwrap();
        let cheaper = fixture.place(node, OrderDraft { coupon_ids: vec![coupon], ..fixture.teas(1) }).await.unwrap();
        let dearer = fixture.place(node, OrderDraft { coupon_ids: vec![coupon], ..fixture.teas(1) }).await;
        assert_eq!(code(&dearer), "ORDER_COUPON_REFUSED");
        let short = place_hot(node, &fixture, 9).await;
        assert_eq!(fixture.coupon_state(node, coupon).await, CouponState::Reserved);
        assert_eq!(cart_of(node, &fixture).await, lines, "its lines are not ordered yet");
        resume(node).await;
        assert_eq!(
            ends(&seen(node, &fixture, &[of_cart, cheaper.clone(), short]).await),
            [("placed", 2), ("short", 1)]
        );
        assert_eq!(fixture.seen(node, cash.order_id).await.state(), OrderState::Confirmed);
        assert_eq!((cart_of(node, &fixture).await, fixture.tea_stock(node).await), (vec![], (4, 4)));
        // The item is sold out, so orders of the next second are refused at once; later the coupon of a cancelled queued order
        // can be used again.
        fixture.cancel(node, cheaper.order_id).await.unwrap();
        node.settle().await;
        assert_eq!(code(&fixture.place(node, fixture.teas(2)).await), "ORDER_STOCK_SHORT");
        node.advance(SECOND * 3);
        for _ in 0..2 {
            assert_eq!(code(&fixture.place(node, fixture.teas(2)).await), "ORDER_STOCK_SHORT");
        }
        let gone = fixture.place(node, OrderDraft { coupon_ids: vec![coupon], ..fixture.teas(2) }).await.unwrap();
        node.settle().await;
        assert_eq!(ends(&seen(node, &fixture, &[gone]).await), [("short", 1)]);
        assert_eq!(fixture.coupon_state(node, coupon).await, CouponState::Active);
        let template = voucher(node, &fixture, Distribution::Purchase, 5).await;
        let mut bought = Vec::new();
        for _ in 0..4 {
            bought.push(fixture.place(node, buying(&fixture, &template, 1)).await.unwrap());
        }
        assert_eq!(
            tally(bought.iter().map(|order| order.placement_mode().as_str_name())),
            [("PLACEMENT_MODE_QUEUED", 2), ("PLACEMENT_MODE_SYNCHRONOUS", 2)]
        );
        node.settle().await;
        assert_eq!(ends(&seen(node, &fixture, &bought).await), [("placed", 4)]);
        pay(node, &fixture, bought[3].order_id).await;
        assert_eq!(fixture.seen(node, bought[3].order_id).await.state(), OrderState::Completed);
        node.assert_books().await;
    });
}

async fn cart_of(node: &TestNode, fixture: &ShopFixture) -> Vec<CartLine> {
    let request = GetCartRequest { shop_id: fixture.shop.id() };
    node.orders().get_cart(&fixture.customer.cx(), request).await.unwrap().lines
}

/// TR-38: in degraded mode, orders are placed synchronously for a minute; if queued placement is disabled, always.
#[test]
fn without_queued_placement_orders_are_placed_synchronously() {
    with_low_threshold(async |node| {
        let fixture = hot_tea(node, 20).await;
        switch(node, Mode::Degraded).await;
        let told = place_hot(node, &fixture, 1).await;
        node.settle().await;
        assert_eq!(ends(&seen(node, &fixture, &[told]).await), [("placed", 1)]);
        for _ in 0..5 {
            assert_eq!(
                fixture.place(node, fixture.teas(1)).await.unwrap().placement_mode(),
                PlacementMode::Synchronous
            );
        }
        switch(node, Mode::Running).await;
        node.advance(MINUTE);
        for lane in [PlacementMode::Synchronous, PlacementMode::Synchronous, PlacementMode::Queued] {
            assert_eq!(fixture.place(node, fixture.teas(1)).await.unwrap().placement_mode(), lane);
        }
        node.assert_books().await;
    });
    let off = |config: &mut Config| {
        (config.order.queued_placement.start_orders_per_second, config.order.queued_placement.stop_orders_per_second) =
            (3, 2);
        config.order.queued_placement.enabled = false;
    };
    with(off, async |node| {
        let fixture = ShopFixture::with_tea(node, 20).await;
        for _ in 0..10 {
            assert_eq!(
                fixture.place(node, fixture.teas(1)).await.unwrap().placement_mode(),
                PlacementMode::Synchronous
            );
        }
        assert_eq!(fixture.tea_stock(node).await, (20, 10));
        node.assert_books().await;
    });
}

/// An order that cannot be placed does not block the others, and is cancelled at its deadline.
#[test]
fn an_order_that_cannot_be_placed_blocks_no_other() {
    with_low_threshold(async |node| {
        let fixture = hot_tea(node, 20).await;
        switch(node, Mode::Paused).await;
        let mut orders = Vec::new();
        for _ in 0..5 {
            orders.push(place_hot(node, &fixture, 1).await);
        }
        // A different reservation exists under its ID.
        reserve(node, &fixture, &orders[2], 7).await;
        switch(node, Mode::Running).await;
        assert_ne!(node.bus().drain().await, Vec::<String>::new(), "one is tried again later");
        let wrong = orders.remove(2);
        assert_eq!(ends(&seen(node, &fixture, &orders).await), [("placed", 4)]);
        assert_eq!(fixture.seen(node, wrong.order_id).await.state(), OrderState::Placing);
        node.advance(MINUTE);
        node.fire_timers().await;
        node.advance(MINUTE * 60);
        node.bus().catch_up().await;
        node.settle().await;
        assert_eq!(ends(&seen(node, &fixture, &[wrong]).await), [("late", 1)]);
        assert_eq!(fixture.tea_stock(node).await, (22, 0));
        node.assert_books().await;
    });
}

/// TR-32: an order in state `PLACING` after its deadline is found and repaired.
#[test]
fn an_overdue_queued_order_is_found() {
    with_low_threshold(async |node| {
        let fixture = hot_tea(node, 10).await;
        switch(node, Mode::Paused).await;
        let order = place_hot(node, &fixture, 1).await;
        let found = async |repair| {
            let verified = pulse_order::verify(node.store("order"), repair).await.unwrap();
            assert!(verified.checked.contains(&("order.placing_ends_in_time", 1)), "it was looked at");
            verified.findings.iter().map(|finding| (finding.invariant, finding.is_repaired)).collect::<Vec<_>>()
        };
        assert_eq!(found(false).await, []);
        let forget = Commit::new().cancel_timer("order.expire", order.order_id);
        node.store("order").commit(&node.cx(), forget).await.unwrap();
        node.advance(SECOND * 90);
        assert_eq!(found(false).await, [("order.unpaid_orders_have_a_deadline", false)]);
        node.advance(SECOND);
        let both = |is_repaired| {
            ["order.unpaid_orders_have_a_deadline", "order.placing_ends_in_time"].map(|name| (name, is_repaired))
        };
        assert_eq!(found(false).await, both(false));
        assert_eq!(found(true).await, both(true));
        resume(node).await;
        assert_eq!(ends(&seen(node, &fixture, &[order]).await), [("late", 1)]);
        node.assert_books().await;
    });
}
