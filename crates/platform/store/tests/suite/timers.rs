//! Timers: durable, exact, with one effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer, Statement, Store, StoreError, Timer, TimerPump, values};
use tokio::sync::mpsc;

use super::{Fixture, NOW, SOLD_OUT, count, thing, version};

const MINUTE: Duration = Duration::from_secs(60);

fn timer(key: i64, minutes: u32) -> Timer {
    Timer { kind: "t.overdue", key, due_at: NOW.plus(MINUTE * minutes), payload: Bytes::from_static(b"why") }
}

async fn set(store: &Store, timer: Timer) {
    store.commit(&Cx::system("test", store.clock().now()), Commit::new().timer(timer)).await.unwrap();
}

/// The effect of a timer: a row with its key.
async fn close(store: &Store, due: &DueTimer) -> Result<(), StoreError> {
    let cx = Cx::system("timer", store.clock().now());
    store.commit(&cx, Commit::new().fired(due).insert(thing(due.key, &due.key.to_string(), 0))).await
}

/// A pump whose handler closes overdue things and reports their keys.
fn pump(store: &Store) -> (TimerPump, mpsc::UnboundedReceiver<i64>) {
    let (closed, closings) = mpsc::unbounded_channel();
    let handler_store = store.clone();
    let pump = TimerPump::new(store).on("t.overdue", move |due| {
        let (store, closed) = (handler_store.clone(), closed.clone());
        async move {
            match close(&store, &due).await {
                Ok(()) => closed.send(due.key).unwrap(),
                Err(StoreError::AlreadyDone) => {}
                Err(error) => return Err(Error::from(error)),
            }
            Ok(())
        }
    });
    (pump, closings)
}

/// Advances the clock by seconds until the running pump has closed `count` things.
async fn advance_until(fixture: &Fixture, closings: &mut mpsc::UnboundedReceiver<i64>, count: usize) -> Vec<i64> {
    let mut closed = Vec::new();
    while closed.len() < count {
        fixture.clock.advance(Duration::from_secs(1));
        while let Ok(Some(key)) = tokio::time::timeout(Duration::from_millis(2), closings.recv()).await {
            closed.push(key);
        }
    }
    closed
}

/// TR-82: a durable timer fires at its time and not before, and takes effect once.
pub(crate) async fn a_timer_fires_once_at_its_time(fixture: &Fixture) {
    let store = fixture.store().await;
    for key in [3, 1, 2] {
        set(&store, timer(key, u32::try_from(key).unwrap())).await;
    }
    let (pump, mut closings) = pump(&store);
    fixture.clock.set(NOW.plus(MINUTE).minus(Duration::from_millis(1)));
    assert_eq!(pump.run_due().await.unwrap(), 0);
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(pump.run_due().await.unwrap(), 1);
    assert_eq!(closings.try_recv().unwrap(), 1);
    let running = tokio::spawn(pump.run());
    assert_eq!(advance_until(fixture, &mut closings, 2).await, [2, 3]);
    set(&store, timer(4, 0)).await;
    assert_eq!(advance_until(fixture, &mut closings, 1).await, [4]);
    running.abort();
    assert_eq!((count(&store).await, store.timer_count().await.unwrap()), (4, 0));
}

pub(crate) async fn a_timer_is_moved_and_cancelled(fixture: &Fixture) {
    let store = fixture.store().await;
    set(&store, timer(1, 1)).await;
    set(&store, timer(2, 1)).await;
    set(&store, timer(3, 1)).await;
    let late = store.due_timers(NOW.plus(MINUTE), 10).await.unwrap();
    assert_eq!((late.len(), late[0].payload.as_ref(), late[0].due_at), (3, b"why".as_slice(), NOW.plus(MINUTE)));
    let cx = fixture.cx();
    store.commit(&cx, Commit::new().cancel_timer("t.overdue", 2).timer(timer(3, 5))).await.unwrap();
    let due = store.due_timers(NOW.plus(MINUTE), 10).await.unwrap();
    assert_eq!(due.iter().map(|due| due.key).collect::<Vec<_>>(), [1]);
    // Handlers that were running find their timers gone and have no effect.
    for stale in late.iter().filter(|late| late.key != 1) {
        assert!(matches!(close(&store, stale).await, Err(StoreError::AlreadyDone)));
    }
    assert_eq!(count(&store).await, 0);
    assert_eq!(store.next_timer_after(NOW).await.unwrap(), Some(NOW.plus(MINUTE)));
}

/// PL-36: a restart loses no timer.
pub(crate) async fn timers_survive_a_restart(fixture: &Fixture) {
    let store = fixture.store().await;
    let commit = (0..500).fold(Commit::new(), |commit, key| commit.timer(timer(key, u32::try_from(key % 10).unwrap())));
    store.commit(&fixture.cx(), commit).await.unwrap();
    fixture.clock.advance(MINUTE * 5);
    let (first, _closings) = pump(&store);
    assert_eq!(first.run_due().await.unwrap(), 300);
    drop((first, store));
    let store = fixture.store().await;
    let (second, _closings) = pump(&store);
    fixture.clock.advance(MINUTE * 5);
    assert_eq!(second.run_due().await.unwrap(), 200);
    assert_eq!((count(&store).await, store.timer_count().await.unwrap()), (500, 0));
}

pub(crate) async fn a_failed_timer_is_retried_later(fixture: &Fixture) {
    let store = fixture.store().await;
    set(&store, timer(1, 0)).await;
    let unknown = Timer { kind: "t.unknown", ..timer(2, 0) };
    set(&store, unknown).await;
    let (handler_store, calls) = (store.clone(), Arc::new(AtomicU32::new(0)));
    let handler_calls = Arc::clone(&calls);
    let pump = TimerPump::new(&store).on("t.overdue", move |due| {
        let (store, calls) = (handler_store.clone(), Arc::clone(&handler_calls));
        async move {
            match calls.fetch_add(1, Ordering::SeqCst) {
                0 => Err(SOLD_OUT.error("not now")),
                1 => panic!("worse"),
                _ => Ok(close(&store, &due).await?),
            }
        }
    });
    assert_eq!(pump.run_due().await.unwrap(), 2);
    assert_eq!(pump.run_due().await.unwrap(), 0, "it pauses after a failure");
    fixture.clock.advance(Duration::from_secs(1));
    pump.run_due().await.unwrap();
    assert_eq!(count(&store).await, 0);
    fixture.clock.advance(Duration::from_secs(2));
    pump.run_due().await.unwrap();
    assert_eq!((count(&store).await, calls.load(Ordering::SeqCst)), (1, 3));
    assert_eq!(store.timer_count().await.unwrap(), 1, "a timer without a handler stays");
}

pub(crate) async fn two_nodes_fire_a_timer_once(fixture: &Fixture) {
    let nodes = [fixture.store().await, fixture.store().await];
    let commit = (0..40).fold(Commit::new(), |commit, key| commit.timer(timer(key, 0)));
    nodes[0].commit(&fixture.cx(), commit).await.unwrap();
    let (first, _closings) = pump(&nodes[0]);
    let (second, _closings) = pump(&nodes[1]);
    let (one, two) = tokio::join!(first.run_due(), second.run_due());
    assert!(one.unwrap() + two.unwrap() >= 40);
    assert_eq!((count(&nodes[0]).await, nodes[1].timer_count().await.unwrap()), (40, 0));
}

pub(crate) async fn a_slow_timer_does_not_delay_others(fixture: &Fixture) {
    let store = fixture.store().await;
    let (closed, mut closings) = mpsc::unbounded_channel();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (handler_store, handler_gate) = (store.clone(), Arc::clone(&gate));
    let pump = TimerPump::new(&store).firing_max(2).on("t.overdue", move |due| {
        let (store, gate, closed) = (handler_store.clone(), Arc::clone(&handler_gate), closed.clone());
        async move {
            if due.key == 0 {
                gate.acquire().await.unwrap().forget();
            }
            close(&store, &due).await?;
            closed.send(due.key).unwrap();
            Ok(())
        }
    });
    let commit = (0..6).fold(Commit::new(), |commit, key| commit.timer(timer(key, u32::try_from(key).unwrap())));
    store.commit(&fixture.cx(), commit).await.unwrap();
    let running = tokio::spawn(pump.run());
    assert_eq!(advance_until(fixture, &mut closings, 5).await, [1, 2, 3, 4, 5]);
    gate.add_permits(1);
    assert_eq!(advance_until(fixture, &mut closings, 1).await, [0]);
    running.abort();
}

/// A handler that hangs times out and is retried like a failed one.
pub(crate) async fn a_hung_timer_has_failed(fixture: &Fixture) {
    let store = fixture.store().await;
    set(&store, timer(0, 0)).await;
    set(&store, timer(1, 1)).await;
    fixture.clock.advance(MINUTE);
    let handler_store = store.clone();
    let pump = TimerPump::new(&store).firing_max(1).timeout(Duration::from_secs(1)).on("t.overdue", move |due| {
        let store = handler_store.clone();
        async move {
            if due.key == 0 && due.attempts == 0 {
                std::future::pending::<()>().await;
            }
            Ok(close(&store, &due).await?)
        }
    });
    assert_eq!(pump.run_due().await.unwrap(), 2);
    assert_eq!((version(&store, 1).await, store.timer_count().await.unwrap()), (0, 1));
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(pump.run_due().await.unwrap(), 1);
    assert_eq!((count(&store).await, store.timer_count().await.unwrap()), (2, 0));
}

/// A timer whose failure cannot be written is not fired in a tight loop.
pub(crate) async fn a_failure_that_cannot_be_written_pauses(fixture: &Fixture) {
    let store = fixture.store().await;
    let full = match fixture.shared_url() {
        Some(url) if !url.starts_with("sqlite") => "ALTER TABLE t_timers ADD CONSTRAINT t_full CHECK (attempts = 0)",
        _ => "CREATE TRIGGER t_full BEFORE UPDATE ON t_timers BEGIN SELECT RAISE(ABORT, 'full'); END",
    };
    store.commit(&fixture.cx(), Commit::new().write(Statement::new(full, values![]))).await.unwrap();
    let (fired, mut firings) = mpsc::unbounded_channel();
    let handler_store = store.clone();
    let pump = TimerPump::new(&store).on("t.overdue", move |due| {
        let (store, fired) = (handler_store.clone(), fired.clone());
        async move {
            fired.send(due.key).unwrap();
            if due.key == 1 {
                return Err(SOLD_OUT.error("always"));
            }
            Ok(close(&store, &due).await?)
        }
    });
    set(&store, timer(1, 0)).await;
    let running = tokio::spawn(pump.run());
    assert_eq!(firings.recv().await.unwrap(), 1);
    // Each of these is due after the failed one and would be fired after it.
    for key in 2..6 {
        set(&store, timer(key, 0)).await;
        assert_eq!(firings.recv().await.unwrap(), key);
    }
    assert_eq!(advance_until(fixture, &mut firings, 1).await, [1], "it is retried after a pause");
    running.abort();
}
