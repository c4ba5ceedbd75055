//! The outbox and the inbox: no event is skipped, none is consumed twice.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;
use pulse_kernel::TraceContext;
use pulse_store::{Commit, Statement, Store, StoreError, StoredEvent, values};
use tokio::task::JoinSet;

use super::{Fixture, Happened, NOW, count, thing};

async fn emit(store: &Store, fixture: &Fixture, key: i64, count: i64) {
    store.commit(&fixture.cx(), Commit::new().event(key, &Happened { thing: key, count })).await.unwrap();
}

fn counts(events: &[StoredEvent]) -> Vec<(i64, i64)> {
    events.iter().map(|event| (event.key, Happened::decode(event.payload.clone()).unwrap().count)).collect()
}

pub(crate) async fn events_keep_the_order_of_their_commits(fixture: &Fixture) {
    let store = fixture.store().await;
    let trace = TraceContext { trace_id: 7 << 100, span_id: u64::MAX, is_sampled: true };
    let commit = Commit::new().event(5, &Happened { thing: 5, count: 1 }).event(6, &Happened { thing: 6, count: 2 });
    store.commit(&fixture.cx().in_trace(trace), commit).await.unwrap();
    emit(&store, fixture, 5, 3).await;
    let events = store.events_after(0, 10).await.unwrap();
    assert_eq!(counts(&events), [(5, 1), (6, 2), (5, 3)]);
    assert!(events.is_sorted_by(|a, b| a.seq < b.seq && a.id < b.id));
    assert_eq!((&*events[0].topic, events[0].occurred_at, events[0].trace), ("pulse.test.v1.Happened", NOW, trace));
    assert_eq!(events[2].trace, TraceContext::default());
    let after_the_first = store.events_after(events[0].seq, 1).await.unwrap();
    assert_eq!(after_the_first, events[1..2]);
    assert_eq!(store.last_event_seq().await.unwrap(), events[2].seq);
}

/// Transactions commit in another order than they draw numbers. Concurrent readers see every event, and those of one key in
/// order.
pub(crate) async fn a_reader_never_misses_an_event(fixture: &Fixture) {
    const WRITERS: i64 = 8;
    const COMMITS: i64 = 20;
    let nodes = [fixture.store().await, fixture.store().await];
    let mut writers = JoinSet::new();
    for key in 0..WRITERS {
        let (store, cx) = (nodes[usize::try_from(key).unwrap() % 2].clone(), fixture.cx());
        writers.spawn(async move {
            for count in 0..COMMITS {
                let event = |count| Happened { thing: key, count };
                let commit = Commit::new().event(key, &event(2 * count)).event(key, &event(2 * count + 1));
                store.commit(&cx, commit).await.unwrap();
            }
        });
    }
    let mut readers = JoinSet::new();
    for store in nodes {
        readers.spawn(async move {
            let mut seen: Vec<StoredEvent> = Vec::new();
            while seen.len() < usize::try_from(WRITERS * COMMITS * 2).unwrap() {
                let after = seen.last().map_or(0, |event| event.seq);
                seen.extend(store.events_after(after, 7).await.unwrap());
            }
            seen
        });
    }
    writers.join_all().await;
    for seen in readers.join_all().await {
        assert!(seen.is_sorted_by(|a, b| a.seq < b.seq));
        let mut by_key: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (key, count) in counts(&seen) {
            by_key.entry(key).or_default().push(count);
        }
        assert!(by_key.values().all(|counts| *counts == (0..COMMITS * 2).collect::<Vec<_>>()), "{by_key:?}");
    }
}

pub(crate) async fn an_event_is_consumed_once(fixture: &Fixture) {
    let nodes = [fixture.store().await, fixture.store().await];
    let mut tasks = JoinSet::new();
    for task in 0..8_i64 {
        let (store, cx) = (nodes[usize::try_from(task).unwrap() % 2].clone(), fixture.cx());
        tasks.spawn(async move {
            let commit = Commit::new().inbox("t.on_happened", 42).insert(thing(task, &task.to_string(), 0));
            store.commit(&cx, commit).await
        });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(StoreError::AlreadyDone))), "{outcomes:?}");
    assert_eq!(count(&nodes[0]).await, 1);
    assert!(nodes[1].is_consumed("t.on_happened", 42).await.unwrap());
    assert!(!nodes[1].is_consumed("t.another", 42).await.unwrap());
    let another = Commit::new().inbox("t.another", 42);
    nodes[0].commit(&fixture.cx(), another).await.unwrap();
    nodes[0].prune_inbox(NOW.plus(Duration::from_millis(1))).await.unwrap();
    assert!(!nodes[0].is_consumed("t.another", 42).await.unwrap());
}

/// An event may be consumed long after it was written, for example as a replayed dead letter. The inbox keeps it from then on.
pub(crate) async fn the_inbox_keeps_events_from_their_consumption_on(fixture: &Fixture) {
    let store = fixture.store().await;
    let old = store.next_id(NOW);
    fixture.clock.advance(Duration::from_secs(60));
    let young = store.next_id(fixture.clock.now());
    for id in [old, young] {
        store.commit(&fixture.cx(), Commit::new().inbox("t.on_happened", id)).await.unwrap();
    }
    store.prune_inbox(fixture.clock.now()).await.unwrap();
    let repeated = store.commit(&fixture.cx(), Commit::new().inbox("t.on_happened", old)).await;
    assert!(matches!(repeated, Err(StoreError::AlreadyDone)), "{repeated:?}");
    fixture.clock.advance(Duration::from_millis(1));
    store.prune_inbox(fixture.clock.now()).await.unwrap();
    for id in [old, young] {
        assert!(!store.is_consumed("t.on_happened", id).await.unwrap());
    }
}

/// A counter that stays locked is a lost race after a few attempts, not an endless wait.
pub(crate) async fn numbers_that_stay_locked_are_a_lost_race(fixture: &Fixture) {
    let store = fixture.store().await;
    emit(&store, fixture, 1, 0).await;
    let (prelude, body, unlock) = match fixture.shared_url() {
        Some(url) if url.starts_with("postgres") => (
            "CREATE FUNCTION t_lock() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "EXECUTE FUNCTION t_lock()",
            "DROP TRIGGER t_locked ON t_counters",
        ),
        Some(url) if url.starts_with("mysql") => {
            ("DO 0", "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1205", "DROP TRIGGER t_locked")
        }
        _ => return,
    };
    let trigger = format!("CREATE TRIGGER t_locked BEFORE UPDATE ON t_counters FOR EACH ROW {body}");
    for sql in [prelude.to_owned(), trigger] {
        store.commit(&fixture.cx(), Commit::new().write(Statement::composed(sql, values![]))).await.unwrap();
    }
    let outcome = store.events_after(0, 10).await;
    assert!(matches!(outcome, Err(StoreError::Conflict)), "{outcome:?}");
    store.commit(&fixture.cx(), Commit::new().write(Statement::new(unlock, values![]))).await.unwrap();
    assert_eq!(counts(&store.events_after(0, 10).await.unwrap()), [(1, 0)]);
}

pub(crate) async fn delivered_events_are_pruned_but_the_last(fixture: &Fixture) {
    let store = fixture.store().await;
    for count in 0..5 {
        emit(&store, fixture, 1, count).await;
        fixture.clock.advance(Duration::from_secs(1));
    }
    let seqs: Vec<i64> = store.events_after(0, 10).await.unwrap().iter().map(|event| event.seq).collect();
    let undelivered_stay = store.prune_events(seqs[1], fixture.clock.now()).await.unwrap();
    assert_eq!(undelivered_stay, 2);
    let recent_stay = store.prune_events(seqs[4], NOW.plus(Duration::from_secs(3))).await.unwrap();
    assert_eq!(recent_stay, 1);
    store.prune_events(seqs[4], fixture.clock.now()).await.unwrap();
    assert_eq!(counts(&store.events_after(0, 10).await.unwrap()), [(1, 4)]);
    emit(&store, fixture, 1, 5).await;
    assert_eq!(counts(&store.events_after(seqs[4], 10).await.unwrap()), [(1, 5)]);
}

pub(crate) async fn commits_with_events_wake_the_relay(fixture: &Fixture) {
    let store = fixture.store().await;
    let mut news = store.watch_events();
    store.commit(&fixture.cx(), Commit::new().insert(thing(1, "tea", 0))).await.unwrap();
    assert!(!news.has_changed().unwrap());
    emit(&store, fixture, 1, 0).await;
    news.changed().await.unwrap();
    assert_eq!(store.events_after(0, 10).await.unwrap().len(), 1);
}
