//! Sales whose gate is in Redis: it can be lost while they run, and can hold what a dead node left.

use std::process::Command;
use std::time::Duration;

use pulse_contract::sale::v1::{GetResultRequest, ResultState};
use pulse_limiter::admission::{
    AdmissionEngine, AdmissionRequest, RedisAdmissionEngine, RedisAdmissionOptions, Verdict,
};
use pulse_testkit::config::SecretUrl;
use pulse_testkit::servers::Redis;
use pulse_testkit::{Engine, TestNode, run_with};

use crate::{SECOND, Stand, admit, buyer, code};

/// A node on this engine, with a Redis of its own.
fn with_redis(engine: Engine, behaviour: impl AsyncFnOnce(&mut TestNode, &Redis)) {
    let redis = Redis::start().unwrap();
    let url = redis.url();
    run_with(
        engine,
        |config| {
            config.sale.redis = SecretUrl::new(&url);
            config.sale.orphan_timeout = Duration::ZERO;
        },
        async |node| behaviour(node, &redis).await,
    );
}

fn on_both(behaviour: impl AsyncFn(&mut TestNode, &Redis)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        with_redis(engine, async |node, redis| behaviour(node, redis).await);
    }
}

/// Another node of the same gate.
fn other(redis: &Redis) -> RedisAdmissionEngine {
    RedisAdmissionEngine::new(RedisAdmissionOptions::new(redis.url(), "other")).unwrap()
}

/// PL-18, TR-18: Redis forgets everything in the middle of a sale: nobody is forgotten, nothing is sold twice.
#[test]
fn a_lost_redis_is_loaded_from_the_rows() {
    on_both(async |node, redis| {
        let stand = Stand::open(node).await;
        let sale = stand.rush(node, stand.draft(node, 3)).await;
        let first = admit(node, sale, 1).await.unwrap();
        node.settle().await;
        let forgotten = Command::new("redis-cli").args(["-u", &redis.url(), "flushall"]).output().unwrap();
        assert!(forgotten.status.success());
        assert_eq!(code(&admit(node, sale, 2).await), "SALE_PAUSED", "clean, until it is loaded again");
        node.settle().await;
        node.advance(SECOND);
        let again = admit(node, sale, 1).await.unwrap();
        assert!(again.is_repeated && again.order_id == first.order_id);
        for number in 2..=3 {
            assert_eq!(code(&admit(node, sale, number).await), "ok");
        }
        assert_eq!(code(&admit(node, sale, 4).await), "SALE_SOLD_OUT");
        node.settle().await;
        node.assert_books().await;
    });
}

/// T2, PL-20: a node was admitting somebody and died before it had written it: another one does.
#[test]
fn what_a_dead_node_admitted_becomes_an_order() {
    on_both(async |node, redis| {
        let stand = Stand::open(node).await;
        let sale = stand.rush(node, stand.draft(node, 1)).await;
        let admission = node.store("sale").next_id(node.now());
        let ask = AdmissionRequest { sale, buyer: 9, admission, units: 1 };
        assert_eq!(other(redis).admit(ask).await.unwrap(), Verdict::Admitted);
        assert_eq!(code(&admit(node, sale, 1).await), "SALE_SOLD_OUT");
        node.settle().await;
        let request = GetResultRequest { sale_id: sale, wait_ms: 0 };
        let result = node.sales().get_result(&buyer(node, 9), request).await.unwrap();
        assert_eq!((result.state(), result.admission.unwrap().order_id), (ResultState::Placed, admission));
        assert!(other(redis).claim_unconfirmed(sale, Duration::ZERO, 9).await.unwrap().is_empty());
        node.assert_books().await;
    });
}

/// TR-17: gate and count differ, in either direction: the gate is put right by the count.
#[test]
fn a_gate_that_differs_is_put_right() {
    on_both(async |node, redis| {
        let stand = Stand::open(node).await;
        let sale = stand.rush(node, stand.draft(node, 5)).await;
        for wrong in [3, -4] {
            other(redis).add(sale, wrong).await.unwrap();
            // It looks twice, because what is under way makes a difference too.
            node.settle().await;
            node.settle().await;
            assert_eq!(other(redis).stats(sale).await.unwrap().unwrap().free, 5, "after {wrong}");
        }
    });
}

/// TR-10, T20: a gate that gives away more than there is, as a stale replica does: the count refuses, and nobody who was
/// told that they are admitted loses.
#[test]
fn the_count_is_what_is_promised() {
    on_both(async |node, redis| {
        let stand = Stand::open(node).await;
        let sale = stand.rush(node, stand.draft(node, 2)).await;
        other(redis).add(sale, 3).await.unwrap();
        let mut codes = Vec::new();
        for number in 1..=5 {
            codes.push(code(&admit(node, sale, number).await));
        }
        assert_eq!(codes, ["ok", "ok", "SALE_SOLD_OUT", "SALE_SOLD_OUT", "SALE_SOLD_OUT"]);
        node.settle().await;
        assert_eq!(stand.sale(node, sale).await.admission_count, 2);
        node.assert_books().await;
    });
}

/// T2: a node wrote an admission and died before it had said so; the sale is sold out. Whoever takes it over finds the row,
/// and the buyer is still told the first answer.
#[test]
fn what_was_written_and_not_confirmed_stays_admitted() {
    on_both(async |node, redis| {
        let stand = Stand::open(node).await;
        let sale = stand.rush(node, stand.draft(node, 1)).await;
        let first = admit(node, sale, 1).await.unwrap();
        node.settle().await;
        // As if nothing had been confirmed: the same admission once more, and nobody says anything about it.
        let ask = AdmissionRequest { sale, buyer: 1, admission: first.order_id, units: 1 };
        let gate = other(redis);
        assert!(gate.cancel(ask).await.unwrap());
        assert_eq!(gate.admit(ask).await.unwrap(), Verdict::Admitted);
        node.settle().await;
        node.advance(SECOND);
        let again = admit(node, sale, 1).await.unwrap();
        assert!(again.is_repeated && again.order_id == first.order_id);
        assert!(gate.claim_unconfirmed(sale, Duration::ZERO, 9).await.unwrap().is_empty());
        assert_eq!(code(&admit(node, sale, 2).await), "SALE_SOLD_OUT");
        node.assert_books().await;
    });
}
