//! The hot lane: what many order at once is placed together, after the answer, for each exactly once or not at all.

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

use crate::street::{Street, line, placing, told};
use crate::vouchers::{buying, voucher};
use crate::{MINUTE, SECOND, code, tally};

const LANE: &str = "order.queued_placement";

/// Runs the behaviour on every engine, where the third order of something within a second makes it hot.
fn on_a_hot_day(behaviour: impl AsyncFn(&mut TestNode)) {
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

/// A shop with so many teas beside the two that were ordered so that tea is hot.
async fn hot_street(node: &TestNode, units: i64) -> Street {
    let street = Street::with_tea(node, units + 2).await;
    for _ in 0..2 {
        let order = street.place(node, street.teas(1)).await.unwrap();
        assert_eq!((order.placement_mode(), order.state()), (PlacementMode::Synchronous, OrderState::AwaitingPayment));
        assert_eq!((order.pending, order.refusal_code.as_str()), (None, ""));
    }
    street
}

async fn switch(node: &TestNode, mode: Mode) {
    node.bus().set_mode(LANE, mode).await.unwrap();
    // Consumers take in their mode before they say that they have settled; what a paused one leaves is no matter.
    node.bus().drain().await;
}

/// Lets the lane work, until there is nothing left to do.
async fn resume(node: &TestNode) {
    switch(node, Mode::Running).await;
    node.settle().await;
}

/// So many teas, which are hot.
async fn place_hot(node: &TestNode, street: &Street, quantity: i32) -> Order {
    let order = street.place(node, street.teas(quantity)).await.unwrap();
    assert_eq!((order.placement_mode(), order.state()), (PlacementMode::Queued, OrderState::Placing));
    order
}

async fn movement_count(node: &TestNode, street: &Street) -> usize {
    let (shop_id, resource) = (street.shop.id(), Some(street.tea_units()));
    let request = ListMovementsRequest { shop_id, resource, page_size: 100, page_token: String::new() };
    node.stock().list_movements(&node.cx(), request).await.unwrap().movements.len()
}

/// Reserves the units of an order as the lane does.
async fn reserve(node: &TestNode, street: &Street, order: &Order, quantity: i64) -> Reservation {
    let until = order.expires_at.map(|at| Timestamp::from(at).plus(MINUTE * 10).into());
    let request = ReserveRequest {
        key: Some(ReservationKey { owner: ReservationOwner::Order.into(), id: order.order_id }),
        lines: vec![ReservationLine { resource: Some(street.tea_units()), quantity }],
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
        _ => "something else",
    };
    tally(orders.iter().map(end))
}

async fn seen(node: &TestNode, street: &Street, orders: &[Order]) -> Vec<Order> {
    join_all(orders.iter().map(|order| street.seen(node, order.order_id))).await
}

/// TR-28, TR-29, TR-30, TR-31: what is ordered often goes into the lane, what is not does not, and the order keeps which; it
/// is there before the answer, and has everything soon after. When the rush is over, orders are placed at once again.
#[test]
fn a_rush_goes_through_the_lane_and_ends() {
    on_a_hot_day(async |node| {
        let street = hot_street(node, 10).await;
        switch(node, Mode::Paused).await;
        let order = place_hot(node, &street, 2).await;
        assert_eq!(street.seen(node, order.order_id).await, order, "it is there before the answer");
        assert_eq!((order.history.len(), order.allowed_moves.as_slice()), (1, ["cancel".to_owned()].as_slice()));
        assert_eq!((street.tea_stock(node).await, movement_count(node, &street).await), ((12, 2), 4));
        let cake = OrderDraft { lines: vec![line(&street.cake, 1)], ..street.teas(1) };
        assert_eq!(
            street.place(node, cake.clone()).await.unwrap().placement_mode(),
            PlacementMode::Synchronous,
            "cake is not hot"
        );
        let both = OrderDraft { lines: vec![line(&street.cake, 1), line(&street.tea, 1)], ..cake };
        assert_eq!(street.place(node, both).await.unwrap().placement_mode(), PlacementMode::Queued, "tea is");
        // What is refused is refused at once, and is not seen as a rush.
        let unknown =
            OrderDraft { lines: vec![CartLine { variant_id: 4_711, ..line(&street.cake, 1) }], ..street.teas(1) };
        for _ in 0..5 {
            let refused = node.orders().place_order(&street.customer.cx(), placing(unknown.clone(), 1)).await;
            assert_eq!(code(&refused), "ORDER_ITEM_UNKNOWN");
        }
        resume(node).await;
        let placed = street.seen(node, order.order_id).await;
        assert_eq!(
            (placed.placement_mode(), placed.state(), placed.version),
            (PlacementMode::Queued, OrderState::AwaitingPayment, 2)
        );
        assert_eq!((placed.pending, &placed.lines, &placed.price), (None, &order.lines, &order.price));
        assert_eq!((placed.placed_at, placed.expires_at), (order.placed_at, order.pending.unwrap().end_pay_time));
        let states: Vec<OrderState> = placed.history.iter().map(OrderStep::state).collect();
        assert_eq!(states, [OrderState::Placing, OrderState::AwaitingPayment]);
        assert_eq!(street.tea_stock(node).await, (12, 5));
        node.advance(SECOND * 2);
        let cool = street.place(node, street.teas(1)).await.unwrap();
        assert_eq!((cool.placement_mode(), cool.state()), (PlacementMode::Synchronous, OrderState::AwaitingPayment));
        pay(node, &street, order.order_id).await;
        let paid = street.seen(node, order.order_id).await;
        assert_eq!(
            (paid.state(), paid.placement_mode(), street.tea_stock(node).await),
            (OrderState::Confirmed, PlacementMode::Queued, (10, 4))
        );
        node.assert_books().await;
    });
}

/// Pays at the sandbox.
async fn pay(node: &TestNode, street: &Street, order_id: i64) {
    let request = StartPaymentRequest { order_id, provider: "sandbox".to_owned(), return_url: String::new() };
    let payment = node.payments().start_payment(&street.customer.cx(), request).await.unwrap();
    let token = payment.attempts[0].pay_url.rsplit('/').next().unwrap_or_default();
    node.sandbox().choose(token, Choice::Pay).await.unwrap();
    node.settle().await;
}

/// TR-33, TR-34: the answer has exactly these fields, and says how to ask again.
#[test]
fn the_answer_says_what_to_pay_and_how_to_ask() {
    on_a_hot_day(async |node| {
        let street = hot_street(node, 10).await;
        switch(node, Mode::Paused).await;
        let order = place_hot(node, &street, 2).await;
        let pending: serde_json::Value = serde_json::from_slice(&order.pending.clone().unwrap().to_json()).unwrap();
        let fields = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(fields(&pending), ["end_pay_time", "is_async", "pay_amount", "pay_order_id", "poll"]);
        assert_eq!(fields(&pending["poll"]), ["give_up_ms", "interval_ms_max"]);
        let pending = order.pending.clone().unwrap();
        assert_eq!((pending.is_async, pending.pay_order_id), (true, order.order_id));
        assert_eq!(pending.pay_amount, Some(pulse_testkit::cny(Street::tea_total(2))));
        assert_eq!(pending.end_pay_time, Some(node.now().plus(MINUTE * 15).into()));
        let poll = pending.poll.unwrap();
        assert_eq!((poll.interval_ms_max, poll.give_up_ms), (2_000, 30_000));
        // Who watches sees it as it is, and as it becomes.
        let request = WatchOrderRequest { order_id: order.order_id };
        let watched = node.orders().watch_order(&street.customer.cx(), request).await.unwrap();
        let stranger = node.sign_up("+8613800138009").await;
        let refused = node.orders().watch_order(&stranger.cx(), request).await;
        assert_eq!(code(&refused), "ORDER_NOT_FOUND");
        let (watched, ()) = futures::future::join(watched.collect::<Vec<_>>(), resume(node)).await;
        let states: Vec<OrderState> = watched.iter().map(|order| order.as_ref().unwrap().state()).collect();
        assert_eq!(states, [OrderState::Placing, OrderState::AwaitingPayment]);
        node.assert_books().await;
    });
}

/// TR-36, TR-37: sixty units, a hundred orders of one: exactly sixty are placed, forty hear why not.
#[test]
fn sixty_of_a_hundred_get_the_sixty_units() {
    on_a_hot_day(async |node| {
        let street = hot_street(node, 60).await;
        switch(node, Mode::Paused).await;
        let request = placing(street.teas(1), Street::tea_total(1));
        let cx = street.customer.cx();
        let outcomes = join_all((0..100).map(|_| node.orders().place_order(&cx, request.clone()))).await;
        let orders: Vec<Order> = outcomes.into_iter().map(Result::unwrap).collect();
        assert!(orders.iter().all(|order| order.state() == OrderState::Placing));
        resume(node).await;
        assert_eq!(ends(&seen(node, &street, &orders).await), [("placed", 60), ("short", 40)]);
        assert_eq!(street.tea_stock(node).await, (62, 62));
        assert_eq!((told::<OrderPlaced>(node).await.len(), told::<OrderCancelled>(node).await.len()), (62, 40));
        let counts = node.orders().count_my_orders(&cx, CountMyOrdersRequest {}).await.unwrap().counts;
        assert_eq!(counts.iter().map(|count| count.count).collect::<Vec<_>>(), [62, 40]);
        // Unpaid, every unit can be had again (TR-19).
        node.advance(MINUTE * 15);
        node.assert_books().await;
        assert_eq!(street.tea_stock(node).await, (62, 0));
    });
}

/// The same while the lane works at the same time, and under keys that are repeated.
#[test]
fn a_rush_in_full_flow_sells_every_unit_once() {
    on_a_hot_day(async |node| {
        let street = hot_street(node, 60).await;
        let request = placing(street.teas(1), Street::tea_total(1));
        let keyed = |n: usize| node.keyed(street.customer.cx(), &format!("{:04x}", n % 100), "PlaceOrder", &request);
        let contexts: Vec<_> = (0..200).map(keyed).collect();
        let outcomes = join_all(contexts.iter().map(|cx| node.orders().place_order(cx, request.clone()))).await;
        node.settle().await;
        let refusals = ["ok", "ORDER_STOCK_SHORT", "IDEMPOTENCY_IN_FLIGHT"];
        assert!(outcomes.iter().all(|outcome| refusals.contains(&code(outcome))));
        let mut orders: Vec<Order> = outcomes.into_iter().filter_map(Result::ok).collect();
        orders.sort_unstable_by_key(|order| order.order_id);
        orders.dedup_by_key(|order| order.order_id);
        assert!((60..=100).contains(&orders.len()), "a key is one order: {}", orders.len());
        // Who comes when it is known that nothing is left hears so at once; the others hear it soon after.
        let seen = seen(node, &street, &orders).await;
        let ends = ends(&seen);
        assert_eq!(ends.iter().find(|(end, _)| *end == "placed"), Some(&("placed", 60)), "{ends:?}");
        assert!(ends.iter().all(|(end, _)| ["placed", "short"].contains(end)), "{ends:?}");
        assert_eq!(street.tea_stock(node).await, (62, 62));
        node.assert_books().await;
    });
}

/// TR-32, TR-35: when its time is over, an order is refused without touching stock: by its timer, or by the lane.
#[test]
fn who_waits_too_long_is_refused_without_moving_a_unit() {
    on_a_hot_day(async |node| {
        let street = hot_street(node, 10).await;
        switch(node, Mode::Paused).await;
        let before = movement_count(node, &street).await;
        let orders = [place_hot(node, &street, 1).await, place_hot(node, &street, 1).await];
        node.advance(SECOND * 29);
        assert_eq!(node.fire_timers().await, 0);
        node.advance(SECOND);
        assert_eq!(node.fire_timers().await, 2);
        assert_eq!(ends(&seen(node, &street, &orders).await), [("late", 2)]);
        // What comes to the lane too late is refused there.
        node.advance(SECOND * 2);
        for _ in 0..2 {
            street.place(node, street.teas(1)).await.unwrap();
        }
        let order = place_hot(node, &street, 1).await;
        node.advance(SECOND * 30);
        resume(node).await;
        assert_eq!(ends(&seen(node, &street, &[order]).await), [("late", 1)]);
        assert_eq!(movement_count(node, &street).await, before + 2, "only of the two that were placed at once");
        assert_eq!(street.tea_stock(node).await, (12, 4));
        node.assert_books().await;
    });
}

/// A node that dies with orders that wait, before or after their units were reserved, leaves each with exactly one end.
#[test]
fn a_crash_between_any_two_steps_leaves_one_end() {
    on_a_hot_day(async |node| {
        let street = hot_street(node, 10).await;
        switch(node, Mode::Paused).await;
        let (first, second) = (place_hot(node, &street, 1).await, place_hot(node, &street, 2).await);
        let (third, fourth) = (place_hot(node, &street, 3).await, place_hot(node, &street, 1).await);
        // It died after it had reserved for two of them, and before it wrote that they are placed.
        reserve(node, &street, &second, 2).await;
        reserve(node, &street, &fourth, 1).await;
        street.cancel(node, fourth.order_id).await.unwrap();
        node.restart().await;
        resume(node).await;
        let orders = seen(node, &street, &[first, second, third]).await;
        assert_eq!(ends(&orders), [("placed", 3)]);
        assert_eq!(street.tea_stock(node).await, (12, 8));
        assert_eq!(told::<OrderPlaced>(node).await.len(), 5);
        // It died after it had placed them, and before it knew that it had: the same event again.
        for order in &orders {
            let again = OrderQueued { order_id: order.order_id };
            node.store("order").commit(&node.cx(), Commit::new().event(order.order_id, &again)).await.unwrap();
        }
        node.settle().await;
        assert_eq!(seen(node, &street, &orders).await, orders);
        // It never came back in time.
        node.advance(SECOND * 2);
        for _ in 0..2 {
            street.place(node, street.teas(1)).await.unwrap();
        }
        switch(node, Mode::Paused).await;
        let lost = place_hot(node, &street, 2).await;
        reserve(node, &street, &lost, 2).await;
        assert_eq!(street.tea_stock(node).await, (12, 12));
        node.advance(MINUTE);
        node.restart().await;
        resume(node).await;
        assert_eq!(ends(&seen(node, &street, &[lost]).await), [("late", 1)]);
        assert_eq!(street.tea_stock(node).await, (12, 10));
        node.assert_books().await;
    });
}

/// An order that waits cannot be paid, and can be cancelled; what it may hold is free then, whatever comes first.
#[test]
fn who_waits_cannot_pay_and_can_cancel() {
    on_a_hot_day(async |node| {
        let street = hot_street(node, 10).await;
        switch(node, Mode::Paused).await;
        let order = place_hot(node, &street, 1).await;
        let order_id = order.order_id;
        let request = StartPaymentRequest { order_id, ..StartPaymentRequest::default() };
        let refused = node.payments().start_payment(&street.customer.cx(), request).await;
        assert_eq!(code(&refused), "PAYMENT_ORDER_NOT_PLACED");
        let reserved = place_hot(node, &street, 4).await;
        reserve(node, &street, &reserved, 4).await;
        for order_id in [order_id, reserved.order_id] {
            let cancelled = street.cancel(node, order_id).await.unwrap();
            assert_eq!(
                (cancelled.state(), cancelled.cancel_reason()),
                (OrderState::Cancelled, CancelReason::ByCustomer)
            );
            assert_eq!((cancelled.pending, cancelled.refusal_code.as_str()), (None, ""));
        }
        resume(node).await;
        assert_eq!((street.tea_stock(node).await, told::<OrderPlaced>(node).await.len()), ((12, 2), 2));
        assert_eq!(code(&street.cancel(node, order_id).await), "ORDER_MOVE_INVALID");
        node.assert_books().await;
    });
}

/// Coupons are held when the order is asked for, and free again when it gets no units; a cart is emptied, and cash and
/// vouchers go their way, when it does.
#[test]
fn the_lane_takes_every_kind_of_order() {
    on_a_hot_day(async |node| {
        let street = hot_street(node, 3).await;
        let coupon = street.coupon(node, 500, 1_000).await;
        let lines = vec![line(&street.tea, 1)];
        let cart = PutCartRequest { shop_id: street.shop.id(), lines: lines.clone() };
        node.orders().put_cart(&street.customer.cx(), cart).await.unwrap();
        switch(node, Mode::Paused).await;
        let cash = street.place_cash(node, street.teas(1)).await.unwrap();
        assert_eq!((cash.state(), cash.pending.as_ref().unwrap().end_pay_time), (OrderState::Placing, None));
        let of_cart = OrderDraft { lines: Vec::new(), is_cart: true, ..street.teas(1) };
        let of_cart = street.place(node, of_cart).await.unwrap();
        let cheaper = street.place(node, OrderDraft { coupon_ids: vec![coupon], ..street.teas(1) }).await.unwrap();
        let dearer = street.place(node, OrderDraft { coupon_ids: vec![coupon], ..street.teas(1) }).await;
        assert_eq!(code(&dearer), "ORDER_COUPON_REFUSED");
        let short = place_hot(node, &street, 9).await;
        assert_eq!(street.coupon_state(node, coupon).await, CouponState::Reserved);
        assert_eq!(cart_of(node, &street).await, lines, "its lines are not ordered yet");
        resume(node).await;
        assert_eq!(ends(&seen(node, &street, &[of_cart, cheaper.clone(), short]).await), [("placed", 2), ("short", 1)]);
        assert_eq!(street.seen(node, cash.order_id).await.state(), OrderState::Confirmed);
        assert_eq!((cart_of(node, &street).await, street.tea_stock(node).await), (vec![], (4, 4)));
        // Nothing is left, which is told at once in the next second; later the coupon of an order that the lane refuses can be
        // used again.
        street.cancel(node, cheaper.order_id).await.unwrap();
        node.settle().await;
        assert_eq!(code(&street.place(node, street.teas(2)).await), "ORDER_STOCK_SHORT");
        node.advance(SECOND * 3);
        for _ in 0..2 {
            assert_eq!(code(&street.place(node, street.teas(2)).await), "ORDER_STOCK_SHORT");
        }
        let gone = street.place(node, OrderDraft { coupon_ids: vec![coupon], ..street.teas(2) }).await.unwrap();
        node.settle().await;
        assert_eq!(ends(&seen(node, &street, &[gone]).await), [("short", 1)]);
        assert_eq!(street.coupon_state(node, coupon).await, CouponState::Active);
        let template = voucher(node, &street, Distribution::Purchase, 5).await;
        let mut bought = Vec::new();
        for _ in 0..4 {
            bought.push(street.place(node, buying(&street, &template, 1)).await.unwrap());
        }
        assert_eq!(
            tally(bought.iter().map(|order| order.placement_mode().as_str_name())),
            [("PLACEMENT_MODE_QUEUED", 2), ("PLACEMENT_MODE_SYNCHRONOUS", 2)]
        );
        node.settle().await;
        assert_eq!(ends(&seen(node, &street, &bought).await), [("placed", 4)]);
        pay(node, &street, bought[3].order_id).await;
        assert_eq!(street.seen(node, bought[3].order_id).await.state(), OrderState::Completed);
        node.assert_books().await;
    });
}

async fn cart_of(node: &TestNode, street: &Street) -> Vec<CartLine> {
    let request = GetCartRequest { shop_id: street.shop.id() };
    node.orders().get_cart(&street.customer.cx(), request).await.unwrap().lines
}

/// TR-38: degraded, the lane lets orders be placed one by one for a minute; switched off, always.
#[test]
fn without_the_lane_orders_are_placed_one_by_one() {
    on_a_hot_day(async |node| {
        let street = hot_street(node, 20).await;
        switch(node, Mode::Degraded).await;
        let told = place_hot(node, &street, 1).await;
        node.settle().await;
        assert_eq!(ends(&seen(node, &street, &[told]).await), [("placed", 1)]);
        for _ in 0..5 {
            assert_eq!(street.place(node, street.teas(1)).await.unwrap().placement_mode(), PlacementMode::Synchronous);
        }
        switch(node, Mode::Running).await;
        node.advance(MINUTE);
        for lane in [PlacementMode::Synchronous, PlacementMode::Synchronous, PlacementMode::Queued] {
            assert_eq!(street.place(node, street.teas(1)).await.unwrap().placement_mode(), lane);
        }
        node.assert_books().await;
    });
    let off = |config: &mut Config| {
        (config.order.queued_placement.start_orders_per_second, config.order.queued_placement.stop_orders_per_second) =
            (3, 2);
        config.order.queued_placement.enabled = false;
    };
    with(off, async |node| {
        let street = Street::with_tea(node, 20).await;
        for _ in 0..10 {
            assert_eq!(street.place(node, street.teas(1)).await.unwrap().placement_mode(), PlacementMode::Synchronous);
        }
        assert_eq!(street.tea_stock(node).await, (20, 10));
        node.assert_books().await;
    });
}

/// One order that nobody can place keeps none of the others from being placed, and is refused when its time is over.
#[test]
fn an_order_that_cannot_be_placed_is_alone_with_it() {
    on_a_hot_day(async |node| {
        let street = hot_street(node, 20).await;
        switch(node, Mode::Paused).await;
        let mut orders = Vec::new();
        for _ in 0..5 {
            orders.push(place_hot(node, &street, 1).await);
        }
        // Its number holds something else.
        reserve(node, &street, &orders[2], 7).await;
        switch(node, Mode::Running).await;
        assert_ne!(node.bus().drain().await, Vec::<String>::new(), "one is tried again later");
        let wrong = orders.remove(2);
        assert_eq!(ends(&seen(node, &street, &orders).await), [("placed", 4)]);
        assert_eq!(street.seen(node, wrong.order_id).await.state(), OrderState::Placing);
        node.advance(MINUTE);
        node.fire_timers().await;
        node.advance(MINUTE * 60);
        node.bus().catch_up().await;
        node.settle().await;
        assert_eq!(ends(&seen(node, &street, &[wrong]).await), [("late", 1)]);
        assert_eq!(street.tea_stock(node).await, (22, 0));
        node.assert_books().await;
    });
}

/// TR-32: an order that is being placed for longer than it may is found, and mended.
#[test]
fn an_order_that_is_placed_for_ever_is_found() {
    on_a_hot_day(async |node| {
        let street = hot_street(node, 10).await;
        switch(node, Mode::Paused).await;
        let order = place_hot(node, &street, 1).await;
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
        assert_eq!(ends(&seen(node, &street, &[order]).await), [("late", 1)]);
        node.assert_books().await;
    });
}
