//! Concurrency: one batcher, two batchers on one database, and random commands of all kinds.

use std::sync::Arc;

use futures::future::join_all;
use pulse_contract::stock::v1::*;
use pulse_limiter::MemoryLimiter;
use pulse_stock::{StockConfig, StockDeps};
use pulse_testkit::TestNode;

use crate::stock_fixture::*;
use crate::{SECOND, code, tally};

/// Starts a second batcher on the tables of the node, as another node does.
async fn another_batcher(node: &TestNode, config: StockConfig) -> StockClient {
    let (store, catalog) = (node.store("stock").clone(), node.catalog().clone());
    let deps = StockDeps { store, catalog, limiter: Arc::new(MemoryLimiter::default()), config };
    pulse_stock::start(deps).await.unwrap().0
}

/// Makes `count` calls, each in its own task.
async fn in_parallel<T: Send + 'static, F>(count: i64, call: impl Fn(i64) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|index| tokio::spawn(call(index))).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

/// Reserves, and retries after `STORE_CONTENDED` with the same key, as a client does.
async fn reserve_with_retries(
    stock: &StockClient,
    cx: &pulse_kernel::Cx,
    request: ReserveRequest,
) -> Result<Reservation, pulse_kernel::Error> {
    loop {
        let outcome = stock.reserve(cx, request.clone()).await;
        if code(&outcome) != "STORE_CONTENDED" {
            return outcome;
        }
    }
}

fn states(outcomes: &[Result<Reservation, pulse_kernel::Error>]) -> Vec<(&'static str, usize)> {
    tally(outcomes.iter().map(|outcome| match outcome {
        Ok(reservation) => reservation.state().as_str_name().trim_start_matches("RESERVATION_STATE_"),
        Err(error) => error.code(),
    }))
}

/// TR-15: 50 concurrent requests with one key reserve once, and all receive the same response.
pub(crate) async fn fifty_repeats_of_a_key_move_once(node: &mut TestNode) {
    put_stock(node, 1, 100).await;
    let outcomes = in_parallel(50, |_| {
        let (stock, cx) = (node.stock().clone(), node.cx());
        async move { stock.reserve(&cx, reserve_request(1, &[(1, 2)])).await }
    })
    .await;
    assert_eq!(states(&outcomes), [("ACTIVE", 50)]);
    assert_eq!((quantities(node, 1).await, journal(node, 1).await.len()), ((100, 2, 98), 2));
    check(node).await;
}

/// TR-12, R04: 200 concurrent requests for 50 units: exactly 50 are reserved.
pub(crate) async fn fifty_units_are_reserved_by_fifty_of_two_hundred(node: &mut TestNode) {
    put_stock(node, 1, 50).await;
    let outcomes = in_parallel(200, |index| {
        let (stock, cx) = (node.stock().clone(), node.cx());
        async move { stock.reserve(&cx, reserve_request(index + 1, &[(1, 1)])).await }
    })
    .await;
    assert_eq!(states(&outcomes), [("ACTIVE", 50), ("REFUSED", 150)]);
    assert_eq!(quantities(node, 1).await, (50, 50, 0));
    check(node).await;
}

/// PL-10, PL-26, T6: the guard in the database decides, not the cache of a batcher. Two batchers with outdated caches
/// never sell a unit twice.
pub(crate) async fn two_batchers_on_one_database_never_oversell(node: &mut TestNode) {
    put_stock(node, 1, 60).await;
    let batchers = [node.stock().clone(), another_batcher(node, StockConfig::default()).await];
    let outcomes = in_parallel(200, |index| {
        let (stock, cx) = (batchers[usize::from(index % 2 == 0)].clone(), node.cx());
        async move { reserve_with_retries(&stock, &cx, reserve_request(index + 1, &[(1, 1)])).await }
    })
    .await;
    assert_eq!(states(&outcomes), [("ACTIVE", 60), ("REFUSED", 140)]);
    assert_eq!(quantities(node, 1).await, (60, 60, 0));
    // One batcher caches the variant as sold out, while the other one has replenished it.
    let request = ReplenishStockRequest { shop_id: SHOP, resource: Some(sku(1)), quantity: 1, note: String::new() };
    batchers[1].replenish_stock(&node.cx(), request).await.unwrap();
    let last = batchers[0].reserve(&node.cx(), reserve_request(1_000, &[(1, 1)])).await.unwrap();
    assert_eq!(last.state(), ReservationState::Active);
    check(node).await;
}

/// A full queue refuses commands immediately, and refused commands change nothing.
pub(crate) async fn commands_above_the_queue_limit_are_refused(node: &mut TestNode) {
    put_stock(node, 1, 1_000).await;
    let batcher = another_batcher(node, StockConfig { queue_max: 4, batch_max: 2, ..StockConfig::default() }).await;
    let cx = node.cx();
    // All calls are in one task, so that the queue fills before the worker takes commands.
    let calls = (1..=200).map(|id| batcher.reserve(&cx, reserve_request(id, &[(1, 1)])));
    let outcomes = join_all(calls).await;
    let counts = states(&outcomes);
    let held = counts.iter().find(|(state, _)| *state == "ACTIVE").map_or(0, |(_, count)| *count);
    let busy = counts.iter().find(|(state, _)| *state == "STOCK_BUSY").map_or(0, |(_, count)| *count);
    assert!(held >= 4 && busy > 0 && held + busy == 200, "{counts:?}");
    assert_eq!(quantities(node, 1).await.1, i64::try_from(held).unwrap());
    check(node).await;
}

/// Permits leave room in the queue for other resources, and are released after the call.
pub(crate) async fn a_hot_resource_leaves_room_for_the_others(node: &mut TestNode) {
    put_stock(node, 1, 1_000).await;
    put_stock(node, 2, 1_000).await;
    let batcher = another_batcher(node, StockConfig { permits_per_resource: 8, ..StockConfig::default() }).await;
    let cx = node.cx();
    // All calls are in one task, so that all of them acquire permits before the first is answered.
    let hot = (1..=50).map(|id| batcher.reserve(&cx, reserve_request(id, &[(1, 1)])));
    let other = (51..=58).map(|id| batcher.reserve(&cx, reserve_request(id, &[(2, 1)])));
    let (hot, other) = futures::join!(join_all(hot), join_all(other));
    assert_eq!(states(&hot), [("ACTIVE", 8), ("STOCK_BUSY", 42)]);
    assert_eq!(states(&other), [("ACTIVE", 8)]);
    let again = batcher.reserve(&cx, reserve_request(9, &[(1, 1)])).await.unwrap();
    assert_eq!(again.state(), ReservationState::Active);
    check(node).await;
}

/// TR-35: a command after the deadline of its caller is refused and moves nothing.
pub(crate) async fn a_command_after_its_deadline_moves_nothing(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    let mut cx = node.cx();
    cx.deadline = cx.now;
    node.advance(SECOND);
    let late = node.stock().reserve(&cx, reserve_request(1, &[(1, 1)])).await;
    assert_eq!((code(&late), quantities(node, 1).await), ("DEADLINE_EXCEEDED", (5, 0, 5)));
    check(node).await;
}

/// An idempotency key returns the response of its first use, also after other changes and a restart.
pub(crate) async fn an_idempotency_key_keeps_its_answer(node: &mut TestNode) {
    put_stock(node, 1, 5).await;
    let request =
        ReplenishStockRequest { shop_id: SHOP, resource: Some(sku(1)), quantity: 3, note: "a pallet".to_owned() };
    let cx = node.keyed(node.cx(), "pallet-1", "ReplenishStock", &request);
    let outcomes = join_all((0..10).map(|_| node.stock().replenish_stock(&cx, request.clone()))).await;
    let first = *outcomes.iter().find_map(|outcome| outcome.as_ref().ok()).unwrap();
    for outcome in &outcomes {
        match outcome {
            Ok(stock) => assert_eq!(*stock, first),
            Err(error) => assert_eq!(error.code(), "IDEMPOTENCY_IN_FLIGHT"),
        }
    }
    reserve(node, reserve_request(1, &[(1, 8)])).await;
    node.restart().await;
    assert_eq!(node.stock().replenish_stock(&cx, request).await.unwrap(), first);
    assert_eq!(quantities(node, 1).await, (8, 8, 0));

    let refused = reserve_request(2, &[(1, 1)]);
    let cx = node.keyed(node.cx(), "order-2", "Reserve", &refused);
    let answer = node.stock().reserve(&cx, refused.clone()).await.unwrap();
    assert_eq!(answer.state(), ReservationState::Refused);
    replenish(node, 1, 5).await.unwrap();
    assert_eq!(node.stock().reserve(&cx, refused).await.unwrap(), answer, "a refusal is stored too");
    check(node).await;
}

/// TR-21: units that are added during sales are sold, each once.
pub(crate) async fn replenishing_while_selling_keeps_every_unit(node: &mut TestNode) {
    put_stock(node, 1, 20).await;
    let node = &*node;
    let selling = in_parallel(100, |index| {
        let (stock, cx) = (node.stock().clone(), node.cx());
        async move { stock.reserve(&cx, reserve_request(index + 1, &[(1, 1)])).await }
    });
    let arriving = async {
        for _ in 0..10 {
            replenish(node, 1, 3).await.unwrap();
        }
    };
    let (outcomes, ()) = futures::future::join(selling, arriving).await;
    let held = outcomes.iter().filter(|outcome| outcome.as_ref().unwrap().state() == ReservationState::Active).count();
    let held = i64::try_from(held).unwrap();
    assert!((20..=50).contains(&held), "{held}");
    assert_eq!(quantities(node, 1).await, (50, held, 50 - held));
    // TR-19: the remaining units can be sold.
    let rest = reserve(node, reserve_request(1_000, &[(1, 50 - held + 1)])).await;
    assert_eq!(rest.state(), ReservationState::Refused);
    if held < 50 {
        assert_eq!(reserve(node, reserve_request(1_001, &[(1, 50 - held)])).await.state(), ReservationState::Active);
    }
    check(node).await;
}

/// PL-10, TR-16: after concurrent commands of all kinds, the journal, the quantities and the reservations agree.
pub(crate) async fn concurrent_commands_keep_all_invariants(node: &mut TestNode) {
    for id in 1..=4 {
        put_stock(node, id, 30).await;
    }
    let batchers = [node.stock().clone(), another_batcher(node, StockConfig::default()).await];
    in_parallel(16, |worker| {
        let (stock, cx) = (batchers[usize::from(worker % 2 == 0)].clone(), node.cx());
        async move { work(&stock, &cx, worker).await }
    })
    .await;
    check(node).await;
    for id in 1..=4 {
        let (on_hand, reserved, available) = quantities(node, id).await;
        assert!(reserved >= 0 && available >= 0 && on_hand >= 0, "{id}: {on_hand} {reserved} {available}");
    }
}

/// Executes 25 pseudo-random commands; the worker number is the seed.
async fn work(stock: &StockClient, cx: &pulse_kernel::Cx, worker: i64) {
    let mut random = worker * 7_919 + 1;
    let mut below = |limit: i64| {
        random = (random * 48_271) % 2_147_483_647;
        random % limit
    };
    for _ in 0..25 {
        let (id, first, second) = (below(20) + 1, below(4) + 1, below(4) + 1);
        let of = [(second, below(3) + 1), (first, below(3) + 1)];
        let resource = Some(sku(first));
        let outcome = match below(7) {
            0..=2 => stock.reserve(cx, reserve_request(id, &of)).await.map(|_| ()),
            3 => stock.confirm_reservation(cx, confirm(id, &of)).await.map(|_| ()),
            4 => stock.release_reservation(cx, release(id)).await.map(|_| ()),
            5 => {
                let request = AdjustStockRequest { shop_id: SHOP, resource, delta: below(9) - 5, note: "n".to_owned() };
                stock.adjust_stock(cx, request).await.map(|_| ())
            }
            _ => {
                let to = Some(sku(second));
                let request =
                    TransferStockRequest { shop_id: SHOP, from: resource, to, quantity: 2, note: String::new() };
                stock.transfer_stock(cx, request).await.map(|_| ())
            }
        };
        let allowed = [
            "ok",
            "STOCK_SHORT",
            "STOCK_RESERVATION_KEY_REUSED",
            "STOCK_TRANSFER_INVALID",
            "VALIDATION_FAILED",
            "STORE_CONTENDED",
        ];
        assert!(allowed.contains(&code(&outcome)), "{outcome:?}");
    }
}

/// HM-61, T6: rows are changed in one order, so that two batchers with lines in opposite orders do not deadlock.
pub(crate) async fn lines_in_opposite_orders_do_not_deadlock(node: &mut TestNode) {
    for id in 1..=3 {
        put_stock(node, id, 1_000).await;
    }
    let batchers = [node.stock().clone(), another_batcher(node, StockConfig::default()).await];
    let outcomes = in_parallel(60, |index| {
        let is_even = index % 2 == 0;
        let (stock, cx) = (batchers[usize::from(is_even)].clone(), node.cx());
        let of = if is_even { [(1, 1), (2, 1), (3, 1)] } else { [(3, 1), (2, 1), (1, 1)] };
        async move { reserve_with_retries(&stock, &cx, reserve_request(index + 1, &of)).await }
    })
    .await;
    assert_eq!(states(&outcomes), [("ACTIVE", 60)]);
    for id in 1..=3 {
        assert_eq!(quantities(node, id).await, (1_000, 60, 940));
    }
    check(node).await;
}
