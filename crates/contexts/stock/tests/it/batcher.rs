//! Many at the same time: at one batcher, at two, and with everything that can be asked.

use std::sync::Arc;

use futures::future::join_all;
use pulse_contract::stock::v1::*;
use pulse_limiter::MemoryLimiter;
use pulse_stock::{StockConfig, StockDeps};
use pulse_testkit::TestNode;

use crate::shelf::*;
use crate::{SECOND, code, tally};

/// One more batcher on the tables of the node, as another node would have it.
async fn another_batcher(node: &TestNode, config: StockConfig) -> StockClient {
    let (store, catalog) = (node.store("stock").clone(), node.catalog().clone());
    let deps = StockDeps { store, catalog, limiter: Arc::new(MemoryLimiter::default()), config };
    pulse_stock::start(deps).await.unwrap().0
}

/// The same call, so often, in tasks of their own.
async fn in_parallel<T: Send + 'static, F>(count: i64, call: impl Fn(i64) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|index| tokio::spawn(call(index))).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

/// As a client does: whoever has lost too many races repeats with the same key.
async fn reserve_patiently(
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

/// TR-15: fifty parallel repeats of one key move once, and all hear the same.
pub(crate) async fn fifty_repeats_of_a_key_move_once(node: &mut TestNode) {
    shelf(node, 1, 100).await;
    let outcomes = in_parallel(50, |_| {
        let (stock, cx) = (node.stock().clone(), node.cx());
        async move { stock.reserve(&cx, wants(1, &[(1, 2)])).await }
    })
    .await;
    assert_eq!(states(&outcomes), [("ACTIVE", 50)]);
    assert_eq!((quantities(node, 1).await, journal(node, 1).await.len()), ((100, 2, 98), 2));
    check(node).await;
}

/// TR-12, R04: two hundred want one of fifty units at the same time: fifty get one.
pub(crate) async fn fifty_units_are_reserved_by_fifty_of_two_hundred(node: &mut TestNode) {
    shelf(node, 1, 50).await;
    let outcomes = in_parallel(200, |index| {
        let (stock, cx) = (node.stock().clone(), node.cx());
        async move { stock.reserve(&cx, wants(index + 1, &[(1, 1)])).await }
    })
    .await;
    assert_eq!(states(&outcomes), [("ACTIVE", 50), ("REFUSED", 150)]);
    assert_eq!(quantities(node, 1).await, (50, 50, 0));
    check(node).await;
}

/// PL-10, PL-26, T6: the batcher is a filter; what decides is the guard in the database. Two batchers that know nothing of each
/// other, each with rows in its memory that the other one has changed, never sell a unit twice.
pub(crate) async fn two_batchers_on_one_database_never_oversell(node: &mut TestNode) {
    shelf(node, 1, 60).await;
    let batchers = [node.stock().clone(), another_batcher(node, StockConfig::default()).await];
    let outcomes = in_parallel(200, |index| {
        let (stock, cx) = (batchers[usize::from(index % 2 == 0)].clone(), node.cx());
        async move { reserve_patiently(&stock, &cx, wants(index + 1, &[(1, 1)])).await }
    })
    .await;
    assert_eq!(states(&outcomes), [("ACTIVE", 60), ("REFUSED", 140)]);
    assert_eq!(quantities(node, 1).await, (60, 60, 0));
    // What one of them remembers as sold out, the other one has replenished.
    let request = ReplenishStockRequest { shop_id: SHOP, resource: Some(sku(1)), quantity: 1, note: String::new() };
    batchers[1].replenish_stock(&node.cx(), request).await.unwrap();
    let last = batchers[0].reserve(&node.cx(), wants(1_000, &[(1, 1)])).await.unwrap();
    assert_eq!(last.state(), ReservationState::Active);
    check(node).await;
}

/// Above its limit the batcher refuses at once, and whoever is refused has changed nothing.
pub(crate) async fn more_than_may_wait_are_refused(node: &mut TestNode) {
    shelf(node, 1, 1_000).await;
    let batcher = another_batcher(node, StockConfig { queue_max: 4, batch_max: 2, ..StockConfig::default() }).await;
    let cx = node.cx();
    // In one task: nobody takes from the queue while it is filled.
    let calls = (1..=200).map(|id| batcher.reserve(&cx, wants(id, &[(1, 1)])));
    let outcomes = join_all(calls).await;
    let counts = states(&outcomes);
    let held = counts.iter().find(|(state, _)| *state == "ACTIVE").map_or(0, |(_, count)| *count);
    let busy = counts.iter().find(|(state, _)| *state == "STOCK_BUSY").map_or(0, |(_, count)| *count);
    assert!(held >= 4 && busy > 0 && held + busy == 200, "{counts:?}");
    assert_eq!(quantities(node, 1).await.1, i64::try_from(held).unwrap());
    check(node).await;
}

/// However many want one thing, they leave room for those who want another; and permits come back.
pub(crate) async fn what_everybody_wants_leaves_room_for_the_rest(node: &mut TestNode) {
    shelf(node, 1, 1_000).await;
    shelf(node, 2, 1_000).await;
    let batcher = another_batcher(node, StockConfig { permits_per_resource: 8, ..StockConfig::default() }).await;
    let cx = node.cx();
    // In one task: all of them ask before the first is answered.
    let hot = (1..=50).map(|id| batcher.reserve(&cx, wants(id, &[(1, 1)])));
    let other = (51..=58).map(|id| batcher.reserve(&cx, wants(id, &[(2, 1)])));
    let (hot, other) = futures::join!(join_all(hot), join_all(other));
    assert_eq!(states(&hot), [("ACTIVE", 8), ("STOCK_BUSY", 42)]);
    assert_eq!(states(&other), [("ACTIVE", 8)]);
    let again = batcher.reserve(&cx, wants(9, &[(1, 1)])).await.unwrap();
    assert_eq!(again.state(), ReservationState::Active);
    check(node).await;
}

/// TR-35: whoever waits no longer gets nothing, and nothing moves for them.
pub(crate) async fn a_command_whose_time_is_over_moves_nothing(node: &mut TestNode) {
    shelf(node, 1, 5).await;
    let mut cx = node.cx();
    cx.deadline = cx.now;
    node.advance(SECOND);
    let late = node.stock().reserve(&cx, wants(1, &[(1, 1)])).await;
    assert_eq!((code(&late), quantities(node, 1).await), ("DEADLINE_EXCEEDED", (5, 0, 5)));
    check(node).await;
}

/// An idempotency key gets the answer of its first use, whatever has happened since, also after a restart.
pub(crate) async fn an_idempotency_key_keeps_its_answer(node: &mut TestNode) {
    shelf(node, 1, 5).await;
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
    reserve(node, wants(1, &[(1, 8)])).await;
    node.restart().await;
    assert_eq!(node.stock().replenish_stock(&cx, request).await.unwrap(), first);
    assert_eq!(quantities(node, 1).await, (8, 8, 0));

    let refused = wants(2, &[(1, 1)]);
    let cx = node.keyed(node.cx(), "order-2", "Reserve", &refused);
    let answer = node.stock().reserve(&cx, refused.clone()).await.unwrap();
    assert_eq!(answer.state(), ReservationState::Refused);
    replenish(node, 1, 5).await.unwrap();
    assert_eq!(node.stock().reserve(&cx, refused).await.unwrap(), answer, "a refusal is an answer too");
    check(node).await;
}

/// TR-21: units that arrive while others are sold are sold, and none twice.
pub(crate) async fn replenishing_while_selling_keeps_every_unit(node: &mut TestNode) {
    shelf(node, 1, 20).await;
    let node = &*node;
    let selling = in_parallel(100, |index| {
        let (stock, cx) = (node.stock().clone(), node.cx());
        async move { stock.reserve(&cx, wants(index + 1, &[(1, 1)])).await }
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
    // TR-19: nothing is undersold either: what is left can be sold.
    let rest = reserve(node, wants(1_000, &[(1, 50 - held + 1)])).await;
    assert_eq!(rest.state(), ReservationState::Refused);
    if held < 50 {
        assert_eq!(reserve(node, wants(1_001, &[(1, 50 - held)])).await.state(), ReservationState::Active);
    }
    check(node).await;
}

/// PL-10, TR-16: whatever is asked at the same time by whomever, the journal, the quantities and the reservations agree.
pub(crate) async fn parallel_work_of_all_kinds_leaves_a_clean_ledger(node: &mut TestNode) {
    for id in 1..=4 {
        shelf(node, id, 30).await;
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

/// A worker's day: the same numbers make the same day.
async fn work(stock: &StockClient, cx: &pulse_kernel::Cx, worker: i64) {
    let mut dice = worker * 7_919 + 1;
    let mut roll = |sides: i64| {
        dice = (dice * 48_271) % 2_147_483_647;
        dice % sides
    };
    for _ in 0..25 {
        let (id, first, second) = (roll(20) + 1, roll(4) + 1, roll(4) + 1);
        let of = [(second, roll(3) + 1), (first, roll(3) + 1)];
        let resource = Some(sku(first));
        let outcome = match roll(7) {
            0..=2 => stock.reserve(cx, wants(id, &of)).await.map(|_| ()),
            3 => stock.confirm_reservation(cx, confirm(id, &of)).await.map(|_| ()),
            4 => stock.release_reservation(cx, release(id)).await.map(|_| ()),
            5 => {
                let request = AdjustStockRequest { shop_id: SHOP, resource, delta: roll(9) - 5, note: "n".to_owned() };
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

/// HM-61, T6: rows are changed in one order, so that two batchers whose orders name the same variants in opposite order never
/// wait for each other in a circle.
pub(crate) async fn crossing_lines_of_two_batchers_end(node: &mut TestNode) {
    for id in 1..=3 {
        shelf(node, id, 1_000).await;
    }
    let batchers = [node.stock().clone(), another_batcher(node, StockConfig::default()).await];
    let outcomes = in_parallel(60, |index| {
        let is_even = index % 2 == 0;
        let (stock, cx) = (batchers[usize::from(is_even)].clone(), node.cx());
        let of = if is_even { [(1, 1), (2, 1), (3, 1)] } else { [(3, 1), (2, 1), (1, 1)] };
        async move { reserve_patiently(&stock, &cx, wants(index + 1, &of)).await }
    })
    .await;
    assert_eq!(states(&outcomes), [("ACTIVE", 60)]);
    for id in 1..=3 {
        assert_eq!(quantities(node, id).await, (1_000, 60, 940));
    }
    check(node).await;
}
