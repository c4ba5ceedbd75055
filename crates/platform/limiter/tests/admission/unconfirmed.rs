//! T2, PL-20: unconfirmed admissions of a dead node are completed by another one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pulse_limiter::admission::{
    AdmissionEngine, AdmissionRequest, RedisAdmissionEngine, SaleStats, Unconfirmed, Verdict,
};
use pulse_testkit::servers::{self, Redis};
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamPendingReply, StreamRangeReply};
use tokio::task::JoinSet;

use super::{node, open, request_of};

const ANY: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_secs(3_600);

/// Direct access to the keys of a sale.
struct Inside {
    connection: MultiplexedConnection,
    sale: i64,
}

impl Inside {
    async fn of(server: &Redis, sale: i64) -> Self {
        let client = redis::Client::open(server.url()).unwrap();
        Self { connection: client.get_multiplexed_async_connection().await.unwrap(), sale }
    }

    fn key(&self, part: &str) -> String {
        format!("pulse:{{sale:{}}}:{part}", self.sale)
    }

    /// Pending entries, entries at all, and fields of the state.
    async fn counts(&mut self) -> (usize, usize, usize) {
        let (stream, state) = (self.key("unconfirmed"), self.key("state"));
        let mut both = redis::pipe();
        both.cmd("XPENDING").arg(&stream).arg("nodes").cmd("XLEN").arg(&stream).cmd("HLEN").arg(&state);
        let (pending, entries, fields): (StreamPendingReply, usize, usize) =
            both.query_async(&mut self.connection).await.unwrap();
        (pending.count(), entries, fields)
    }

    /// Sets the idle time of all entries to one hour.
    async fn age(&mut self) {
        let stream = self.key("unconfirmed");
        let found: StreamRangeReply =
            redis::cmd("XRANGE").arg(&stream).arg("-").arg("+").query_async(&mut self.connection).await.unwrap();
        for entry in found.ids {
            let mut claim = redis::cmd("XCLAIM");
            claim.arg(&stream).arg("nodes").arg("gone").arg(0).arg(&entry.id).arg("IDLE").arg(3_600_000).arg("JUSTID");
            let _: redis::Value = claim.query_async(&mut self.connection).await.unwrap();
        }
    }
}

async fn admitted(engine: &RedisAdmissionEngine, asks: impl IntoIterator<Item = AdmissionRequest>) {
    for request in asks {
        assert_eq!(engine.admit(request).await.unwrap(), Verdict::Admitted);
    }
}

/// T2: confirmed admissions are removed from the pending list, the stream and the state, and are never claimed.
#[tokio::test]
async fn confirming_empties_the_pending_list() {
    let server = servers::redis().unwrap();
    let (engine, mut inside) = (node(&server.url(), "a"), Inside::of(&server, 201).await);
    open(&engine, 201, 3_000).await;
    let (_, _, empty) = inside.counts().await;
    admitted(&engine, (1..=2_500).map(|buyer| request_of(201, buyer, 0))).await;
    assert_eq!(inside.counts().await, (2_500, 2_500, empty + 2_500));
    let names: Vec<i64> = (1..=2_500).map(|buyer| 1_000 * buyer).collect();
    engine.confirm(201, &names[..10]).await.unwrap();
    assert_eq!(inside.counts().await, (2_490, 2_490, empty + 2_490));
    engine.confirm(201, &names).await.unwrap();
    assert_eq!(inside.counts().await, (0, 0, empty));
    assert_eq!(engine.claim_unconfirmed(201, ANY, 100).await.unwrap(), []);
    assert_eq!(engine.stats(201).await.unwrap(), Some(SaleStats { free: 500, buyers: 2_500 }));
}

/// T2, PL-20: a node dies with three admissions; each is claimed by exactly one of two other nodes after the idle time.
#[tokio::test]
async fn what_a_dead_node_left_is_taken_over_once() {
    let server = servers::redis().unwrap();
    let (dies, one, two) = (node(&server.url(), "dies"), node(&server.url(), "one"), node(&server.url(), "two"));
    let mut inside = Inside::of(&server, 202).await;
    open(&dies, 202, 10).await;
    let left: Vec<AdmissionRequest> =
        (1..=3).map(|buyer| AdmissionRequest { units: 2, ..request_of(202, buyer, 0) }).collect();
    admitted(&dies, left.clone()).await;
    drop(dies);
    assert_eq!(one.claim_unconfirmed(202, HOUR, 10).await.unwrap(), [], "it may still be at it");
    inside.age().await;
    let (mine, yours) = tokio::join!(one.claim_unconfirmed(202, HOUR, 2), two.claim_unconfirmed(202, HOUR, 10));
    let mut taken = [mine.unwrap(), yours.unwrap()].concat();
    taken.sort_by_key(|taken| taken.request.buyer);
    let expected: Vec<_> = left.iter().map(|request| Unconfirmed { request: *request, attempts: 1 }).collect();
    assert_eq!(taken, expected);
    for engine in [&one, &two] {
        assert_eq!(engine.claim_unconfirmed(202, HOUR, 10).await.unwrap(), [], "somebody is at it");
    }
    // Whoever took it over confirms it, whoever it was; the third one is undone.
    two.confirm(202, &[left[0].admission, left[1].admission]).await.unwrap();
    assert!(one.cancel(left[2]).await.unwrap());
    assert_eq!(inside.counts().await.0, 0);
    assert_eq!(one.stats(202).await.unwrap(), Some(SaleStats { free: 6, buyers: 2 }));
}

/// PL-20: claims are counted; after repeated failures an admission goes to the dead letters with all its fields.
#[tokio::test]
async fn what_fails_again_and_again_is_buried() {
    let server = servers::redis().unwrap();
    let engine = node(&server.url(), "digger");
    let mut inside = Inside::of(&server, 203).await;
    open(&engine, 203, 10).await;
    admitted(&engine, [AdmissionRequest { units: 3, ..request_of(203, 7, 0) }, request_of(203, 8, 0)]).await;
    let found: StreamRangeReply = redis::cmd("XRANGE")
        .arg(inside.key("unconfirmed"))
        .arg("-")
        .arg("+")
        .query_async(&mut inside.connection)
        .await
        .unwrap();
    for attempts in 1..=4 {
        let taken = engine.claim_unconfirmed(203, ANY, 1).await.unwrap();
        assert_eq!(taken, [Unconfirmed { request: AdmissionRequest { units: 3, ..request_of(203, 7, 0) }, attempts }]);
    }
    assert!(engine.dead_letter(203, 7_000, "the order refuses it").await.unwrap());
    assert!(!engine.dead_letter(203, 7_000, "again").await.unwrap());
    let dead: StreamRangeReply = redis::cmd("XRANGE")
        .arg(inside.key("dead"))
        .arg("-")
        .arg("+")
        .query_async(&mut inside.connection)
        .await
        .unwrap();
    let [letter] = &dead.ids[..] else { panic!("one letter, not {}", dead.ids.len()) };
    let field = |name: &str| letter.get::<String>(name).unwrap_or_default();
    assert_eq!(field("original_id"), found.ids[0].id);
    assert_eq!((field("consumer"), field("error")), ("digger".to_owned(), "the order refuses it".to_owned()));
    assert_eq!([field("b"), field("a"), field("u")], ["7", "7000", "3"]);
    let failed_at: i64 = field("failed_at").parse().unwrap();
    let entered_at: i64 = found.ids[0].id.split('-').next().unwrap().parse().unwrap();
    assert!((entered_at..entered_at + 600_000).contains(&failed_at), "{failed_at} is a time in milliseconds");
    let left = engine.claim_unconfirmed(203, ANY, 10).await.unwrap();
    assert_eq!(left, [Unconfirmed { request: request_of(203, 8, 0), attempts: 1 }], "only the other one is left");
    assert_eq!(engine.stats(203).await.unwrap(), Some(SaleStats { free: 6, buyers: 2 }), "its units stay taken");
}

/// PL-20: nodes are killed at random points of their admissions; every admitted buyer gets one row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_die_at_random_and_every_admission_is_finished_once() {
    let server = servers::redis().unwrap();
    let survivor = Arc::new(node(&server.url(), "survivor"));
    open(&*survivor, 204, 150).await;
    // What a database does: one row per buyer, whoever writes it.
    let rows = Arc::new(parking_lot::Mutex::new(BTreeMap::<i64, i64>::new()));
    let mut nodes = JoinSet::new();
    for number in 0..10_i64 {
        let (engine, rows) = (node(&server.url(), &format!("node-{number}")), Arc::clone(&rows));
        nodes.spawn(async move {
            for buyer in 1..=40 {
                let request = request_of(204, buyer + 10 * number, number);
                let is_admitted = engine.admit(request).await.unwrap() == Verdict::Admitted;
                // Each dies at an admission of its own: before the row, or between the row and the confirmation.
                if is_admitted && buyer > 2 * number && number % 2 == 0 {
                    return;
                }
                if is_admitted {
                    assert_eq!(rows.lock().insert(request.buyer, request.admission), None);
                    if buyer > 2 * number && number % 3 == 0 {
                        return;
                    }
                    engine.confirm(204, &[request.admission]).await.unwrap();
                }
            }
        });
    }
    nodes.join_all().await;
    let before = rows.lock().len();
    let left = survivor.claim_unconfirmed(204, ANY, 1_000).await.unwrap();
    assert!(!left.is_empty(), "somebody died");
    for Unconfirmed { request, attempts } in &left {
        assert_eq!(*attempts, 1);
        // A row that is there already is the dead node's own.
        assert_eq!(*rows.lock().entry(request.buyer).or_insert(request.admission), request.admission);
    }
    let names: Vec<i64> = left.iter().map(|left| left.request.admission).collect();
    survivor.confirm(204, &names).await.unwrap();
    assert_eq!(Inside::of(&server, 204).await.counts().await.0, 0);
    let rows = rows.lock().clone();
    assert!(rows.len() > before, "some died before the row");
    let stats = survivor.stats(204).await.unwrap().unwrap();
    assert_eq!(u64::try_from(rows.len()).unwrap(), stats.buyers, "a row for each admitted buyer");
    assert_eq!(rows.values().collect::<BTreeSet<_>>().len(), rows.len(), "an admission for each row");
    assert_eq!(stats.free, 150 - i64::try_from(rows.len()).unwrap());
}
