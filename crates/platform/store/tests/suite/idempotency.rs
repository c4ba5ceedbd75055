//! Idempotency: a repeated request gets the answer of the first one.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use pulse_contract::{Begin, IdempotencyStore, errors};
use pulse_kernel::{Cx, Error, Idempotency};
use pulse_store::{Commit, Store};
use tokio::task::JoinSet;

use super::{Fixture, Happened, count, thing};

fn keyed(fixture: &Fixture, key: &str, fingerprint: u8) -> Cx {
    let mut cx = fixture.cx();
    let scope = "acc_1 /pulse.test.v1.TestService/Create".to_owned();
    cx.idempotency = Some(Arc::new(Idempotency { scope, key: key.to_owned(), fingerprint: [fingerprint; 32] }));
    cx
}

/// A use case under a key: creates thing `id` and returns it, or replays the answer.
async fn create(store: &Store, cx: &Cx, id: i64) -> Result<(i64, bool), Error> {
    match store.begin(cx).await? {
        Begin::Replay(answer) => Ok((Happened::decode(answer).unwrap().thing, true)),
        Begin::Proceed(_guard) => {
            let answer = Happened { thing: id, count: 0 };
            store.commit(cx, Commit::new().insert(thing(id, &id.to_string(), 0)).answer(cx, &answer)).await?;
            Ok((id, false))
        }
    }
}

pub(crate) async fn a_repeated_request_gets_its_answer(fixture: &Fixture) {
    let store = fixture.store().await;
    let cx = keyed(fixture, "k", 1);
    assert_eq!(create(&store, &cx, 1).await.unwrap(), (1, false));
    assert_eq!(create(&store, &cx, 2).await.unwrap(), (1, true));
    // Another node, and the same one after a restart, replay it too.
    let restarted = fixture.store().await;
    assert_eq!(create(&restarted, &cx, 3).await.unwrap(), (1, true));
    assert_eq!(create(&store, &keyed(fixture, "K", 1), 4).await.unwrap(), (4, false));
    assert_eq!(count(&store).await, 2);
}

pub(crate) async fn a_key_in_flight_is_rejected(fixture: &Fixture) {
    let store = fixture.store().await;
    let cx = keyed(fixture, "k", 1);
    let Begin::Proceed(guard) = store.begin(&cx).await.unwrap() else { panic!("no answer is saved yet") };
    assert_eq!(store.begin(&cx).await.unwrap_err().code(), "IDEMPOTENCY_IN_FLIGHT");
    assert!(matches!(store.begin(&keyed(fixture, "other", 1)).await, Ok(Begin::Proceed(_))));
    // A failed use case saves no answer and may be repeated.
    drop(guard);
    assert_eq!(create(&store, &cx, 1).await.unwrap(), (1, false));
}

pub(crate) async fn a_key_of_another_request_is_rejected(fixture: &Fixture) {
    let store = fixture.store().await;
    create(&store, &keyed(fixture, "k", 1), 1).await.unwrap();
    let error = create(&store, &keyed(fixture, "k", 2), 2).await.unwrap_err();
    assert_eq!(error.code(), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(count(&store).await, 1);
}

pub(crate) async fn two_nodes_answer_a_key_once(fixture: &Fixture) {
    let nodes = [fixture.store().await, fixture.store().await];
    let mut tasks = JoinSet::new();
    for id in 0..8_i64 {
        let (store, cx) = (nodes[usize::try_from(id).unwrap() % 2].clone(), keyed(fixture, "k", 1));
        tasks.spawn(async move {
            loop {
                match create(&store, &cx, id).await {
                    Ok((id, is_replay)) => return (id, is_replay),
                    Err(error) => assert_eq!(error.code(), "IDEMPOTENCY_IN_FLIGHT", "{}", error.report()),
                }
            }
        });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|(_, is_replay)| !is_replay).count(), 1);
    assert!(answers.iter().all(|(id, _)| *id == answers[0].0), "{answers:?}");
    assert_eq!(count(&nodes[0]).await, 1);
}

/// An answer of another node under the key takes precedence over every other error, and nothing is written.
pub(crate) async fn an_answered_key_decides_before_anything_else(fixture: &Fixture) {
    let store = fixture.store().await;
    let cx = keyed(fixture, "k", 1);
    create(&store, &cx, 1).await.unwrap();
    let answer = Happened { thing: 1, count: 0 };
    let again = Commit::new().insert(thing(1, "1", 0)).duplicate_is(&errors::INTERNAL).answer(&cx, &answer);
    let beside = Commit::new().insert(thing(2, "2", 0));
    for commit in [again, beside] {
        let refused: Error = store.commit(&cx, commit).await.unwrap_err().into();
        assert_eq!(refused.code(), "IDEMPOTENCY_IN_FLIGHT");
    }
    assert_eq!(count(&store).await, 1);
}

pub(crate) async fn answers_are_kept_for_a_day(fixture: &Fixture) {
    let store = fixture.store().await;
    let day = Duration::from_secs(24 * 60 * 60);
    create(&store, &keyed(fixture, "old", 1), 1).await.unwrap();
    fixture.clock.advance(Duration::from_secs(60));
    create(&store, &keyed(fixture, "new", 1), 2).await.unwrap();
    fixture.clock.advance(day - Duration::from_secs(60));
    store.purge_answers().await.unwrap();
    assert_eq!(create(&store, &keyed(fixture, "new", 1), 3).await.unwrap(), (2, true));
    assert_eq!(create(&store, &keyed(fixture, "old", 1), 4).await.unwrap(), (4, false));
}
