//! Sales with the admission engine in Redis, which can lose its data and can contain admissions of a stopped node.

use std::process::Command;
use std::time::Duration;

use pulse_contract::sale::v1::{GetResultRequest, ResultState};
use pulse_limiter::admission::{
    AdmissionEngine, AdmissionRequest, RedisAdmissionEngine, RedisAdmissionOptions, Verdict,
};
use pulse_testkit::config::SecretUrl;
use pulse_testkit::servers::Redis;
use pulse_testkit::{Engine, TestNode, run_with};

use crate::{SECOND, SaleFixture, admit, buyer, code};

/// Runs a behaviour on a node with its own Redis.
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

/// Admission engine of another node on the same Redis.
fn other(redis: &Redis) -> RedisAdmissionEngine {
    RedisAdmissionEngine::new(RedisAdmissionOptions::new(redis.url(), "other")).unwrap()
}

/// PL-18, TR-18: Redis loses its data during a sale: no admission is lost, no unit is sold twice.
#[test]
fn a_lost_redis_is_loaded_from_the_rows() {
    on_both(async |node, redis| {
        let fixture = SaleFixture::new(node).await;
        let sale = fixture.open_sale(node, fixture.draft(node, 3)).await;
        let first = admit(node, sale, 1).await.unwrap();
        node.settle().await;
        let forgotten = Command::new("redis-cli").args(["-u", &redis.url(), "flushall"]).output().unwrap();
        assert!(forgotten.status.success());
        assert_eq!(code(&admit(node, sale, 2).await), "SALE_PAUSED", "refused until the engine is loaded again");
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

/// T2, PL-20: a node stopped between the decision and the write of an admission: another node writes it.
#[test]
fn an_admission_of_a_stopped_node_becomes_an_order() {
    on_both(async |node, redis| {
        let fixture = SaleFixture::new(node).await;
        let sale = fixture.open_sale(node, fixture.draft(node, 1)).await;
        let admission = node.store("sale").next_id(node.now());
        let request = AdmissionRequest { sale, buyer: 9, admission, units: 1 };
        assert_eq!(other(redis).admit(request).await.unwrap(), Verdict::Admitted);
        assert_eq!(code(&admit(node, sale, 1).await), "SALE_SOLD_OUT");
        node.settle().await;
        let request = GetResultRequest { sale_id: sale, wait_ms: 0 };
        let result = node.sales().get_result(&buyer(node, 9), request).await.unwrap();
        assert_eq!((result.state(), result.admission.unwrap().order_id), (ResultState::Placed, admission));
        assert!(other(redis).claim_unconfirmed(sale, Duration::ZERO, 9).await.unwrap().is_empty());
        node.assert_books().await;
    });
}

/// TR-17: engine and count differ, in either direction: the engine is corrected to the count.
#[test]
fn a_difference_of_the_engine_is_corrected() {
    on_both(async |node, redis| {
        let fixture = SaleFixture::new(node).await;
        let sale = fixture.open_sale(node, fixture.draft(node, 5)).await;
        for wrong in [3, -4] {
            other(redis).add(sale, wrong).await.unwrap();
            // Two rounds: a difference is corrected when it is the same in both, because admissions in progress differ too.
            node.settle().await;
            node.settle().await;
            assert_eq!(other(redis).stats(sale).await.unwrap().unwrap().free, 5, "after {wrong}");
        }
    });
}

/// TR-10, T20: an engine that admits more buyers than units, as a stale replica does: the database rejects the excess,
/// and no confirmed admission is lost.
#[test]
fn the_count_in_the_database_decides() {
    on_both(async |node, redis| {
        let fixture = SaleFixture::new(node).await;
        let sale = fixture.open_sale(node, fixture.draft(node, 2)).await;
        other(redis).add(sale, 3).await.unwrap();
        let mut codes = Vec::new();
        for number in 1..=5 {
            codes.push(code(&admit(node, sale, number).await));
        }
        assert_eq!(codes, ["ok", "ok", "SALE_SOLD_OUT", "SALE_SOLD_OUT", "SALE_SOLD_OUT"]);
        node.settle().await;
        assert_eq!(fixture.sale(node, sale).await.admission_count, 2);
        node.assert_books().await;
    });
}

/// T2: a node stopped after the write of an admission and before its confirmation to the engine; the sale is sold out.
/// The recovery finds the row, and the buyer receives the first answer again.
#[test]
fn a_written_admission_without_confirmation_stays_admitted() {
    on_both(async |node, redis| {
        let fixture = SaleFixture::new(node).await;
        let sale = fixture.open_sale(node, fixture.draft(node, 1)).await;
        let first = admit(node, sale, 1).await.unwrap();
        node.settle().await;
        // Simulates a lost confirmation: the same admission again, without a confirmation.
        let request = AdmissionRequest { sale, buyer: 1, admission: first.order_id, units: 1 };
        let engine = other(redis);
        assert!(engine.cancel(request).await.unwrap());
        assert_eq!(engine.admit(request).await.unwrap(), Verdict::Admitted);
        node.settle().await;
        node.advance(SECOND);
        let again = admit(node, sale, 1).await.unwrap();
        assert!(again.is_repeated && again.order_id == first.order_id);
        assert!(engine.claim_unconfirmed(sale, Duration::ZERO, 9).await.unwrap().is_empty());
        assert_eq!(code(&admit(node, sale, 2).await), "SALE_SOLD_OUT");
        node.assert_books().await;
    });
}
