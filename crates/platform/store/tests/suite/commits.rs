//! Commits: atomic, with one winner per race.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use async_trait::async_trait;
use metrics::Counter;
use pulse_contract::errors;
use pulse_kernel::{Cx, Error};
use pulse_store::{ATTEMPTS_MAX, Commit, Statement, Store, StoreError, values};
use tokio::task::JoinSet;

use super::{Fixture, Happened, NAME_TAKEN, SOLD_OUT, count, put, thing, version};

pub(crate) async fn a_duplicate_is_the_error_that_the_commit_names(fixture: &Fixture) {
    let store = fixture.store().await;
    put(&store, 1, "tea", 0).await;
    let commit = Commit::new().insert(thing(2, "tea", 0)).duplicate_is(&NAME_TAKEN);
    let error = store.commit(&fixture.cx(), commit).await.unwrap_err();
    assert_eq!(Error::from(error).code(), "NAME_TAKEN");
    let unnamed = store.commit(&fixture.cx(), Commit::new().insert(thing(1, "coffee", 0))).await.unwrap_err();
    assert!(matches!(unnamed, StoreError::Defect { .. }), "{unnamed:?}");
    assert_eq!(count(&store).await, 1);
}

pub(crate) async fn a_missed_expectation_leaves_nothing(fixture: &Fixture) {
    let store = fixture.store().await;
    put(&store, 1, "tea", 7).await;
    let stale = Commit::new()
        .insert(thing(2, "cake", 0))
        .event(1, &Happened { thing: 1, count: 1 })
        .write(Statement::new("UPDATE t_things SET version = 9 WHERE id = ? AND version = ?", values![1_i64, 6_i64]))
        .expect_rows(1);
    let outcome = store.commit(&fixture.cx(), stale).await;
    assert!(matches!(outcome, Err(StoreError::Conflict)), "{outcome:?}");
    let too_many = Commit::new()
        .insert(thing(3, "pie", 0))
        .write(Statement::new("DELETE FROM t_things WHERE id > ?", values![0_i64]))
        .expect_rows_else(1, &SOLD_OUT);
    let outcome = store.commit(&fixture.cx(), too_many).await;
    assert!(matches!(outcome, Err(StoreError::Refused(spec)) if spec.code == "SOLD_OUT"), "{outcome:?}");
    assert_eq!((count(&store).await, version(&store, 1).await), (1, 7));
    assert_eq!(store.events_after(0, 10).await.unwrap(), []);
}

/// A commit that is rejected, or whose event was consumed before, increments no counter.
pub(crate) async fn a_commit_is_counted_once_it_is_written(fixture: &Fixture) {
    let store = fixture.store().await;
    let value = Arc::new(AtomicU64::new(0));
    let counted = || Commit::new().count(Counter::from_arc(Arc::clone(&value)));
    let consumed = |id, name: &str| counted().inbox("t.on_happened", 42).insert(thing(id, name, 0));
    store.commit(&fixture.cx(), consumed(1, "tea")).await.unwrap();
    let repeated = store.commit(&fixture.cx(), consumed(2, "cake")).await;
    assert!(matches!(repeated, Err(StoreError::AlreadyDone)), "{repeated:?}");
    let refused = counted().insert(thing(3, "tea", 0)).duplicate_is(&NAME_TAKEN);
    let refused = store.commit(&fixture.cx(), refused).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    assert_eq!(value.load(Ordering::Relaxed), 1);
}

pub(crate) async fn a_rejected_commit_rejects_no_other(fixture: &Fixture) {
    let store = fixture.store().await;
    put(&store, 1_000, "taken", 0).await;
    let mut tasks = JoinSet::new();
    for id in 0..64_i64 {
        let (store, cx) = (store.clone(), fixture.cx());
        tasks.spawn(async move {
            let name = if id % 3 == 0 { "taken".to_owned() } else { id.to_string() };
            let event = Happened { thing: id, count: 0 };
            let commit = Commit::new().event(id, &event).insert(thing(id, &name, 0)).duplicate_is(&NAME_TAKEN);
            (id, store.commit(&cx, commit).await.is_ok())
        });
    }
    for (id, is_written) in tasks.join_all().await {
        assert_eq!(is_written, id % 3 != 0, "{id}");
    }
    assert_eq!(count(&store).await, 1 + 42);
    let events = store.events_after(0, 100).await.unwrap();
    assert_eq!(events.len(), 42);
    assert!(events.iter().all(|event| event.key % 3 != 0));
}

/// Optimistic versions: 16 tasks on two nodes attempt 20 decrements each of a stock of 100. Exactly 100 succeed.
pub(crate) async fn the_last_unit_is_sold_once(fixture: &Fixture) {
    let nodes = [fixture.store().await, fixture.store().await];
    put(&nodes[0], 1, "stock", 100).await;
    let mut tasks = JoinSet::new();
    for task in 0..16_usize {
        let (store, cx) = (nodes[task % 2].clone(), fixture.cx());
        tasks.spawn(async move {
            let mut sold = 0;
            for _ in 0..20 {
                sold += i64::from(sell_one(&store, &cx).await);
            }
            sold
        });
    }
    let sold: i64 = tasks.join_all().await.into_iter().sum();
    assert_eq!((sold, version(&nodes[0], 1).await), (100, 0));
    assert_eq!(nodes[1].events_after(0, 200).await.unwrap().len(), 100);
}

async fn sell_one(store: &Store, cx: &Cx) -> bool {
    loop {
        let outcome = store
            .attempt(cx, async || {
                let left = version(store, 1).await;
                if left == 0 {
                    return Err(SOLD_OUT.error("sold out"));
                }
                let take = "UPDATE t_things SET version = ? WHERE id = ? AND version = ?";
                let commit = Commit::new()
                    .write(Statement::new(take, values![left - 1, 1_i64, left]))
                    .expect_rows(1)
                    .event(1, &Happened { thing: 1, count: left });
                Ok(store.commit(cx, commit).await?)
            })
            .await;
        match outcome {
            Ok(()) => return true,
            Err(error) if error.code() == "SOLD_OUT" => return false,
            Err(error) => assert_eq!(error.code(), errors::STORE_CONTENDED.code, "{}", error.report()),
        }
    }
}

pub(crate) async fn a_lost_race_is_repeated_a_bounded_number_of_times(fixture: &Fixture) {
    let store = fixture.store().await;
    let cx = fixture.cx();
    let attempts = AtomicU32::new(0);
    let outcome: Result<(), Error> = store
        .attempt(&cx, async || {
            attempts.fetch_add(1, Ordering::SeqCst);
            Err(StoreError::Conflict.into())
        })
        .await;
    assert_eq!((outcome.unwrap_err().code(), attempts.into_inner()), (errors::STORE_CONTENDED.code, ATTEMPTS_MAX));
    let attempts = AtomicU32::new(0);
    let outcome = store
        .attempt(&cx, async || match attempts.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Err(StoreError::Conflict.into()),
            lost => Ok(lost),
        })
        .await;
    assert_eq!(outcome.unwrap(), 2);
    let refused: Result<(), Error> = store.attempt(&cx, async || Err(SOLD_OUT.error("no"))).await;
    assert_eq!(refused.unwrap_err().code(), "SOLD_OUT");
}

#[async_trait]
trait Api: Send + Sync {
    async fn rename(&self, cx: &Cx, name: &str) -> Result<i64, Error>;
}

struct Shop(Store);

#[async_trait]
impl Api for Shop {
    async fn rename(&self, cx: &Cx, name: &str) -> Result<i64, Error> {
        self.0
            .attempt(cx, async || {
                let version = version(&self.0, 1).await;
                let sql = "UPDATE t_things SET name = ?, version = version + 1 WHERE id = ? AND version = ?";
                let commit = Commit::new().write(Statement::new(sql, values![name, 1_i64, version])).expect_rows(1);
                self.0.commit(cx, commit).await?;
                Ok(version + 1)
            })
            .await
    }
}

pub(crate) async fn a_commit_may_run_inside_of_an_async_trait(fixture: &Fixture) {
    let store = fixture.store().await;
    put(&store, 1, "tea", 0).await;
    let (api, cx): (Arc<dyn Api>, _) = (Arc::new(Shop(store)), fixture.cx());
    let renamed = tokio::spawn(async move { api.rename(&cx, "coffee").await });
    assert_eq!(renamed.await.unwrap().unwrap(), 1);
}
