//! T2, PL-20: what a node admitted and did not confirm is finished by another one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pulse_gate::sale::{Ask, RedisSaleGate, SaleGate, Standing, Unconfirmed, Verdict};
use pulse_testkit::servers::{self, Redis};
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamPendingReply, StreamRangeReply};
use tokio::task::JoinSet;

use super::{ask, node, open};

const ANY: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_secs(3_600);

/// A look past the gates.
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

    /// Makes everything look as if nobody had said anything for an hour.
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

async fn admitted(gate: &RedisSaleGate, asks: impl IntoIterator<Item = Ask>) {
    for ask in asks {
        assert_eq!(gate.admit(ask).await.unwrap(), Verdict::Admitted);
    }
}

/// T2: what is confirmed leaves the pending list, the stream and the state, and is never taken over.
#[tokio::test]
async fn confirming_empties_the_pending_list() {
    let server = servers::redis().unwrap();
    let (gate, mut inside) = (node(&server.url(), "a"), Inside::of(&server, 201).await);
    open(&gate, 201, 3_000).await;
    let (_, _, empty) = inside.counts().await;
    admitted(&gate, (1..=2_500).map(|buyer| ask(201, buyer, 0))).await;
    assert_eq!(inside.counts().await, (2_500, 2_500, empty + 2_500));
    let names: Vec<i64> = (1..=2_500).map(|buyer| 1_000 * buyer).collect();
    gate.confirm(201, &names[..10]).await.unwrap();
    assert_eq!(inside.counts().await, (2_490, 2_490, empty + 2_490));
    gate.confirm(201, &names).await.unwrap();
    assert_eq!(inside.counts().await, (0, 0, empty));
    assert_eq!(gate.unconfirmed(201, ANY, 100).await.unwrap(), []);
    assert_eq!(gate.standing(201).await.unwrap(), Some(Standing { free: 500, buyers: 2_500 }));
}

/// T2, PL-20: a node dies with three admissions; of two others exactly one gets each of them, once they were idle.
#[tokio::test]
async fn what_a_dead_node_left_is_taken_over_once() {
    let server = servers::redis().unwrap();
    let (dies, one, two) = (node(&server.url(), "dies"), node(&server.url(), "one"), node(&server.url(), "two"));
    let mut inside = Inside::of(&server, 202).await;
    open(&dies, 202, 10).await;
    let left: Vec<Ask> = (1..=3).map(|buyer| Ask { units: 2, ..ask(202, buyer, 0) }).collect();
    admitted(&dies, left.clone()).await;
    drop(dies);
    assert_eq!(one.unconfirmed(202, HOUR, 10).await.unwrap(), [], "it may still be at it");
    inside.age().await;
    let (mine, yours) = tokio::join!(one.unconfirmed(202, HOUR, 2), two.unconfirmed(202, HOUR, 10));
    let mut taken = [mine.unwrap(), yours.unwrap()].concat();
    taken.sort_by_key(|taken| taken.ask.buyer);
    let expected: Vec<_> = left.iter().map(|ask| Unconfirmed { ask: *ask, attempts: 1 }).collect();
    assert_eq!(taken, expected);
    for gate in [&one, &two] {
        assert_eq!(gate.unconfirmed(202, HOUR, 10).await.unwrap(), [], "somebody is at it");
    }
    // Whoever took it over confirms it, whoever it was; the third one is undone.
    two.confirm(202, &[left[0].admission, left[1].admission]).await.unwrap();
    assert!(one.revoke(left[2]).await.unwrap());
    assert_eq!(inside.counts().await.0, 0);
    assert_eq!(one.standing(202).await.unwrap(), Some(Standing { free: 6, buyers: 2 }));
}

/// PL-20: attempts are counted; what fails again and again goes to the dead letters with all that is known of it.
#[tokio::test]
async fn what_fails_again_and_again_is_buried() {
    let server = servers::redis().unwrap();
    let gate = node(&server.url(), "digger");
    let mut inside = Inside::of(&server, 203).await;
    open(&gate, 203, 10).await;
    admitted(&gate, [Ask { units: 3, ..ask(203, 7, 0) }, ask(203, 8, 0)]).await;
    let found: StreamRangeReply = redis::cmd("XRANGE")
        .arg(inside.key("unconfirmed"))
        .arg("-")
        .arg("+")
        .query_async(&mut inside.connection)
        .await
        .unwrap();
    for attempts in 1..=4 {
        let taken = gate.unconfirmed(203, ANY, 1).await.unwrap();
        assert_eq!(taken, [Unconfirmed { ask: Ask { units: 3, ..ask(203, 7, 0) }, attempts }]);
    }
    assert!(gate.bury(203, 7_000, "the order refuses it").await.unwrap());
    assert!(!gate.bury(203, 7_000, "again").await.unwrap());
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
    let left = gate.unconfirmed(203, ANY, 10).await.unwrap();
    assert_eq!(left, [Unconfirmed { ask: ask(203, 8, 0), attempts: 1 }], "only the other one is left");
    assert_eq!(gate.standing(203).await.unwrap(), Some(Standing { free: 6, buyers: 2 }), "its units stay taken");
}

/// PL-20: nodes are killed at random in the middle of their admissions; every admitted buyer gets one row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_die_at_random_and_every_admission_is_finished_once() {
    let server = servers::redis().unwrap();
    let survivor = Arc::new(node(&server.url(), "survivor"));
    open(&*survivor, 204, 150).await;
    // What a database does: one row per buyer, whoever writes it.
    let rows = Arc::new(parking_lot::Mutex::new(BTreeMap::<i64, i64>::new()));
    let mut nodes = JoinSet::new();
    for number in 0..10_i64 {
        let (gate, rows) = (node(&server.url(), &format!("node-{number}")), Arc::clone(&rows));
        nodes.spawn(async move {
            for buyer in 1..=40 {
                let ask = ask(204, buyer + 10 * number, number);
                let is_admitted = gate.admit(ask).await.unwrap() == Verdict::Admitted;
                // Each dies at an admission of its own: before the row, or between the row and the confirmation.
                if is_admitted && buyer > 2 * number && number % 2 == 0 {
                    return;
                }
                if is_admitted {
                    assert_eq!(rows.lock().insert(ask.buyer, ask.admission), None);
                    if buyer > 2 * number && number % 3 == 0 {
                        return;
                    }
                    gate.confirm(204, &[ask.admission]).await.unwrap();
                }
            }
        });
    }
    nodes.join_all().await;
    let before = rows.lock().len();
    let left = survivor.unconfirmed(204, ANY, 1_000).await.unwrap();
    assert!(!left.is_empty(), "somebody died");
    for Unconfirmed { ask, attempts } in &left {
        assert_eq!(*attempts, 1);
        // A row that is there already is the dead node's own.
        assert_eq!(*rows.lock().entry(ask.buyer).or_insert(ask.admission), ask.admission);
    }
    let names: Vec<i64> = left.iter().map(|left| left.ask.admission).collect();
    survivor.confirm(204, &names).await.unwrap();
    assert_eq!(Inside::of(&server, 204).await.counts().await.0, 0);
    let rows = rows.lock().clone();
    assert!(rows.len() > before, "some died before the row");
    let standing = survivor.standing(204).await.unwrap().unwrap();
    assert_eq!(u64::try_from(rows.len()).unwrap(), standing.buyers, "a row for each admitted buyer");
    assert_eq!(rows.values().collect::<BTreeSet<_>>().len(), rows.len(), "an admission for each row");
    assert_eq!(standing.free, 150 - i64::try_from(rows.len()).unwrap());
}
