//! Redis loses data, stops, or fails over to a replica; the engine reports it and continues with the next server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pulse_kernel::Kind;
use pulse_limiter::admission::{
    AdmissionEngine, AdmissionRequest, ExistingAdmission, RedisAdmissionEngine, RedisAdmissionOptions, SaleStats,
    Verdict,
};
use pulse_testkit::servers::{self, Redis, RedisCluster, RedisSentinels};
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

use super::{node, open, request_of};

async fn connection(server: &Redis) -> MultiplexedConnection {
    redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn told<T: redis::FromRedisValue>(connection: &mut MultiplexedConnection, words: &[&str]) -> T {
    redis::cmd(words[0]).arg(&words[1..]).query_async(connection).await.unwrap()
}

/// T1, TR-18: after a total or partial loss of data the sale is unknown, and can be loaded again.
#[tokio::test]
async fn a_sale_that_redis_lost_is_not_there_and_comes_back() {
    // Of its own: it is emptied.
    let server = Redis::start().unwrap();
    let (engine, mut inside) = (node(&server.url(), "a"), connection(&server).await);
    let key = |part: &str| format!("pulse:{{sale:301}}:{part}");
    let losses = [
        vec!["FLUSHALL".into()],
        vec!["DEL".into(), key("state")],
        vec!["DEL".into(), key("buyers")],
        vec!["DEL".into(), key("unconfirmed")],
    ];
    for loss in losses {
        open(&engine, 301, 10).await;
        assert_eq!(engine.admit(request_of(301, 1, 0)).await.unwrap(), Verdict::Admitted);
        let words: Vec<&str> = loss.iter().map(String::as_str).collect();
        let _: redis::Value = told(&mut inside, &words).await;
        assert_eq!(engine.admit(request_of(301, 2, 0)).await.unwrap(), Verdict::NoSale, "{loss:?}");
        assert_eq!(engine.claim_unconfirmed(301, Duration::ZERO, 0).await.unwrap(), []);
        let loading = engine.prepare(301).await.unwrap();
        assert!(engine.load(loading, &[ExistingAdmission { buyer: 1, admission: 1_000, units: 1 }]).await.unwrap());
        assert!(engine.open(loading, 9).await.unwrap());
        assert_eq!(engine.admit(request_of(301, 1, 1)).await.unwrap(), Verdict::Duplicate { admission: 1_000 });
        assert_eq!(engine.admit(request_of(301, 2, 0)).await.unwrap(), Verdict::Admitted);
        assert_eq!(engine.stats(301).await.unwrap(), Some(SaleStats { free: 8, buyers: 2 }));
    }
}

/// TR-18: a sale that is lost during its load cannot be opened.
#[tokio::test]
async fn a_load_that_redis_lost_is_not_opened() {
    let server = Redis::start().unwrap();
    let (engine, mut inside) = (node(&server.url(), "a"), connection(&server).await);
    let known = [ExistingAdmission { buyer: 1, admission: 1_000, units: 1 }];
    for key in ["pulse:{sale:302}:state", "pulse:{sale:302}:buyers"] {
        let loading = engine.prepare(302).await.unwrap();
        assert!(engine.load(loading, &known).await.unwrap());
        let _: redis::Value = told(&mut inside, &["DEL", key]).await;
        assert!(!engine.load(loading, &known).await.unwrap());
        assert!(!engine.open(loading, 9).await.unwrap());
        assert_eq!(engine.admit(request_of(302, 2, 0)).await.unwrap(), Verdict::NoSale);
    }
}

/// A restarted Redis has no scripts.
#[tokio::test]
async fn forgotten_scripts_are_told_again() {
    let server = Redis::start().unwrap();
    let (engine, mut inside) = (node(&server.url(), "a"), connection(&server).await);
    open(&engine, 303, 2).await;
    for buyer in 1..=2 {
        let _: redis::Value = told(&mut inside, &["SCRIPT", "FLUSH"]).await;
        assert_eq!(engine.admit(request_of(303, buyer, 0)).await.unwrap(), Verdict::Admitted);
    }
    // PL-23: how long they took is told by the server.
    let before = engine.script_time().await.unwrap();
    assert!(before.calls >= 4 && before.total > Duration::ZERO, "{before:?}");
    assert_eq!(engine.admit(request_of(303, 3, 0)).await.unwrap(), Verdict::SoldOut);
    assert!(engine.script_time().await.unwrap().calls > before.calls);
}

/// TR-22: all keys expire, and the keys of a used sale are extended.
#[tokio::test]
async fn every_key_expires_and_use_extends_it() {
    let server = Redis::start().unwrap();
    let (engine, mut inside) = (node(&server.url(), "a"), connection(&server).await);
    open(&engine, 304, 10).await;
    engine.close(304).await.unwrap();
    let loading = engine.prepare(304).await.unwrap();
    assert!(engine.load(loading, &[ExistingAdmission { buyer: 1, admission: 1_000, units: 1 }]).await.unwrap());
    assert!(engine.open(loading, 10).await.unwrap());
    for buyer in 2..=5 {
        assert_eq!(engine.admit(request_of(304, buyer, 0)).await.unwrap(), Verdict::Admitted);
    }
    engine.confirm(304, &[2_000]).await.unwrap();
    assert!(engine.dead_letter(304, 3_000, "poison").await.unwrap());
    assert!(engine.cancel(request_of(304, 4, 0)).await.unwrap());
    assert!(engine.release(request_of(304, 5, 0)).await.unwrap());
    let mut keys: Vec<String> = told(&mut inside, &["KEYS", "*"]).await;
    keys.sort();
    let expected = ["buyers", "dead", "state", "unconfirmed"].map(|part| format!("pulse:{{sale:304}}:{part}"));
    assert_eq!(keys, expected, "a class of keys that the documentation does not list");
    for key in &keys {
        let left: i64 = told(&mut inside, &["PTTL", key]).await;
        assert!((1..=2 * 86_400_000).contains(&left), "{key} lives for {left} ms");
        let _: redis::Value = told(&mut inside, &["PEXPIRE", key, "60000"]).await;
    }
    assert_eq!(engine.admit(request_of(304, 6, 0)).await.unwrap(), Verdict::Admitted);
    for key in keys.iter().filter(|key| !key.ends_with("dead")) {
        let left: i64 = told(&mut inside, &["PTTL", key]).await;
        assert!(left > 86_400_000, "{key} was not extended: {left} ms");
    }
}

/// An unresponsive Redis causes an error within the timeout, calls beyond the limit fail immediately, and both recover.
#[tokio::test]
async fn a_redis_that_hangs_is_an_error_in_time() {
    let server = Redis::start().unwrap();
    let options = RedisAdmissionOptions { calls_max: 3, ..RedisAdmissionOptions::new(server.url(), "a") };
    let engine = Arc::new(RedisAdmissionEngine::new(options).unwrap());
    let mut inside = connection(&server).await;
    open(&*engine, 305, 10).await;
    let _: redis::Value = told(&mut inside, &["CLIENT", "PAUSE", "60000", "ALL"]).await;
    let mut calls = JoinSet::new();
    for buyer in 1..=10 {
        let engine = Arc::clone(&engine);
        calls.spawn(async move { engine.admit(request_of(305, buyer, 0)).await.unwrap_err() });
    }
    let errors = tokio::time::timeout(Duration::from_secs(30), calls.join_all()).await.unwrap();
    assert!(errors.iter().all(|error| error.kind() == Kind::Unavailable && error.code() == "GATE_UNAVAILABLE"));
    let refused = errors.iter().filter(|error| error.report().contains("too many concurrent calls")).count();
    assert_eq!(refused, 7);
    drop(server);
    assert_eq!(engine.admit(request_of(305, 1, 0)).await.unwrap_err().kind(), Kind::Unavailable, "gone is no better");
}

#[test]
fn a_url_that_cannot_be_read_is_refused_at_the_start() {
    let error = RedisAdmissionEngine::new(RedisAdmissionOptions::new("redis+sentinel://a:1", "a")).unwrap_err();
    assert!(error.to_string().contains("service"), "{error}");
}

const UNITS: usize = 300;
/// After so many rows the server is killed.
const KILLED_AT: usize = 100;

/// What a database does: a row for each buyer, and never more units than there are.
#[derive(Default)]
struct Durable(Mutex<BTreeMap<i64, i64>>);

impl Durable {
    /// Whether the admission has its row.
    fn write(&self, request: AdmissionRequest) -> bool {
        let mut rows = self.0.lock();
        let is_full = rows.len() == UNITS;
        match rows.get(&request.buyer) {
            Some(first) => *first == request.admission,
            None if is_full => false,
            None => rows.insert(request.buyer, request.admission).is_none(),
        }
    }

    fn len(&self) -> usize {
        self.0.lock().len()
    }

    fn known(&self) -> Vec<ExistingAdmission> {
        self.0
            .lock()
            .iter()
            .map(|(buyer, admission)| ExistingAdmission { buyer: *buyer, admission: *admission, units: 1 })
            .collect()
    }
}

/// Asks until there is an answer. A buyer who was not answered asks the same again.
async fn answer(engine: &RedisAdmissionEngine, request: AdmissionRequest, failures: &Mutex<u32>) -> Verdict {
    loop {
        match engine.admit(request).await {
            Ok(verdict) => return verdict,
            Err(error) => {
                assert_eq!(error.kind(), Kind::Unavailable, "{}", error.report());
                *failures.lock() += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// TR-10: sells while `kill` ends the server that has the sale. The engine answers again by itself, nothing that was
/// written is lost, no unit is sold twice; loaded again, the sale sells exactly what is left.
async fn survives(engine: RedisAdmissionEngine, sale: i64, kill: impl FnOnce() + Send + 'static) {
    let (engine, durable, failures) = (Arc::new(engine), Arc::new(Durable::default()), Arc::new(Mutex::new(0)));
    open(&*engine, sale, UNITS.try_into().unwrap()).await;
    let (kill, is_killed) = (Arc::new(Mutex::new(Some(kill))), Arc::new(AtomicBool::new(false)));
    let mut buyers = JoinSet::new();
    for desk in 0..8_i64 {
        let (engine, durable, failures) = (Arc::clone(&engine), Arc::clone(&durable), Arc::clone(&failures));
        let (kill, is_killed) = (Arc::clone(&kill), Arc::clone(&is_killed));
        buyers.spawn(async move {
            for buyer in (desk * 30 + 1)..=(desk * 30 + 30) {
                if durable.len() >= KILLED_AT
                    && let Some(kill) = kill.lock().take()
                {
                    kill();
                    is_killed.store(true, Ordering::SeqCst);
                }
                let request = request_of(sale, buyer, 0);
                if answer(&engine, request, &failures).await == Verdict::Admitted {
                    durable.write(request);
                }
            }
        });
    }
    tokio::time::timeout(Duration::from_secs(60), buyers.join_all()).await.expect("the engine answers again");
    assert!(is_killed.load(Ordering::SeqCst) && *failures.lock() > 0, "the kill was felt");
    assert_eq!(durable.len(), 240, "every buyer who was answered has a row");

    // From the rows, the sale is what it was, and sells what is left, to the unit.
    let known = durable.known();
    let loading = engine.prepare(sale).await.unwrap();
    assert!(engine.load(loading, &known).await.unwrap());
    assert!(engine.open(loading, (UNITS - known.len()).try_into().unwrap()).await.unwrap());
    for buyer in 1..=400 {
        let request = request_of(sale, buyer, 1);
        match engine.admit(request).await.unwrap() {
            Verdict::Admitted => assert!(durable.write(request), "the engine gives what the rows have not"),
            Verdict::Duplicate { admission } => assert_eq!(durable.0.lock().get(&buyer), Some(&admission)),
            Verdict::SoldOut => assert_eq!(durable.len(), UNITS),
            Verdict::NoSale => panic!("it was just opened"),
        }
    }
    assert_eq!(durable.len(), UNITS);
    assert!(
        known.iter().all(|known| durable.0.lock().get(&known.buyer) == Some(&known.admission)),
        "no row has changed"
    );
}

/// TR-10: the primary dies; sentinels make its replica the primary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_survives_the_loss_of_the_primary_behind_sentinels() {
    let servers = Arc::new(RedisSentinels::start().unwrap());
    let engine = node(&servers.url(), "a");
    let dying = Arc::clone(&servers);
    survives(engine, 306, move || dying.kill_primary()).await;
}

/// TR-10: the primary that has the sale dies; the cluster makes its replica the primary. Sales that other servers have
/// do not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_survives_the_loss_of_its_primary_in_a_cluster() {
    let servers = Arc::new(RedisCluster::start().unwrap());
    let engine = node(&servers.url(), "a");
    let primary_of = |sale: i64| servers.primary_of(&format!("pulse:{{sale:{sale}}}:state")).unwrap();
    let doomed = primary_of(307);
    let elsewhere = (308..).find(|sale| primary_of(*sale) != doomed).unwrap();
    open(&engine, elsewhere, 1_000_000).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (other, is_over_there) = (node(&servers.url(), "b"), Arc::clone(&is_over));
    let going_on = tokio::spawn(async move {
        let mut buyers = 0;
        while !is_over_there.load(Ordering::SeqCst) {
            buyers += 1;
            assert_eq!(other.admit(request_of(elsewhere, buyers, 0)).await.unwrap(), Verdict::Admitted);
            // Both sales through the same engine.
            drop(other.stats(307).await);
        }
        buyers
    });
    let dying = Arc::clone(&servers);
    survives(engine, 307, move || dying.kill(doomed)).await;
    is_over.store(true, Ordering::SeqCst);
    assert!(going_on.await.unwrap() > 10);
}

/// The sales of a cluster are spread over its servers, and each keeps to one of them.
#[tokio::test]
async fn sales_are_spread_over_a_cluster() {
    let servers = RedisCluster::start().unwrap();
    let engine = node(&servers.url(), "a");
    for sale in 310..330 {
        open(&engine, sale, 1).await;
        assert_eq!(engine.admit(request_of(sale, 1, 0)).await.unwrap(), Verdict::Admitted);
        assert_eq!(engine.claim_unconfirmed(sale, Duration::ZERO, 5).await.unwrap().len(), 1);
        assert!(engine.dead_letter(sale, 1_000, "poison").await.unwrap());
        assert_eq!(engine.admit(request_of(sale, 2, 0)).await.unwrap(), Verdict::SoldOut);
    }
    let time = engine.script_time().await.unwrap();
    assert!(time.calls >= 120, "the servers were asked together: {time:?}");
}

/// A hundred thousand buyers are loaded in pieces that neither block Redis nor fill our memory.
#[tokio::test]
async fn many_buyers_are_loaded_in_pieces() {
    let server = servers::redis().unwrap();
    let engine = node(&server.url(), "a");
    let known: Vec<ExistingAdmission> =
        (1..=100_000).map(|buyer| ExistingAdmission { buyer, admission: 1_000 * buyer, units: 1 }).collect();
    let loading = engine.prepare(308).await.unwrap();
    assert!(engine.load(loading, &known).await.unwrap());
    assert!(engine.open(loading, 7).await.unwrap());
    assert_eq!(engine.stats(308).await.unwrap(), Some(SaleStats { free: 7, buyers: 100_000 }));
    assert_eq!(engine.admit(request_of(308, 99_999, 1)).await.unwrap(), Verdict::Duplicate { admission: 99_999_000 });
    engine.close(308).await.unwrap();
}
