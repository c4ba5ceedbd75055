//! Subscriptions: no notification is missed, whatever is read meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use proptest::prelude::*;
use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Clock, Timestamp};
use pulse_work::Watch;

use crate::{let_tasks_run, stopped_clock};

const POLL: Duration = Duration::from_secs(2);
const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

fn watch(subscribers_max: usize) -> (Arc<Watch<u32>>, VirtualClock) {
    let (clock, hands) = stopped_clock();
    (Arc::new(Watch::new(clock, POLL, subscribers_max)), hands)
}

#[test]
fn a_subscriber_gets_the_notifications_of_its_key() {
    let (watch, _hands) = watch(10);
    let mut here = watch.subscribe(1).unwrap();
    watch.notify(&2);
    assert_eq!(here.changed(NEVER).now_or_never(), None);
    watch.notify(&1);
    watch.notify(&1);
    assert_eq!(here.changed(NEVER).now_or_never(), Some(true));
    here.begin_read();
    assert_eq!(here.changed(NEVER).now_or_never(), None, "both were seen");
    watch.notify(&1);
    assert_eq!(here.changed(NEVER).now_or_never(), Some(true), "it came while the rows were read");
    let later = watch.subscribe(1).unwrap();
    assert_eq!(later.changed(NEVER).now_or_never(), None, "what came before is not its own");
}

#[tokio::test]
async fn a_notification_wakes_every_subscriber_that_waits() {
    let (watch, _hands) = watch(10);
    let subscribers = (0..5).map(|_| watch.subscribe(1).unwrap());
    let waits: Vec<_> =
        subscribers.map(|subscriber| tokio::spawn(async move { subscriber.changed(NEVER).await })).collect();
    let_tasks_run().await;
    watch.notify(&1);
    for wait in waits {
        assert!(wait.await.unwrap());
    }
}

#[test]
fn a_subscriber_reads_again_after_the_poll_interval() {
    let (watch, hands) = watch(10);
    let mut subscriber = watch.subscribe(1).unwrap();
    hands.advance(POLL - Duration::from_millis(1));
    assert_eq!(subscriber.changed(NEVER).now_or_never(), None);
    hands.advance(Duration::from_millis(1));
    assert_eq!(subscriber.changed(NEVER).now_or_never(), Some(true));
    subscriber.begin_read();
    assert_eq!(subscriber.changed(NEVER).now_or_never(), None);
}

#[test]
fn the_wait_ends_at_its_limit() {
    let (watch, hands) = watch(10);
    let subscriber = watch.subscribe(1).unwrap();
    let until = Timestamp::EPOCH.plus(Duration::from_secs(1));
    assert_eq!(subscriber.changed(until).now_or_never(), None);
    hands.advance(Duration::from_secs(1));
    watch.notify(&1);
    assert_eq!(subscriber.changed(until).now_or_never(), Some(false));
}

#[test]
fn nothing_is_left_of_dropped_subscribers_and_their_number_is_bounded() {
    let (watch, _hands) = watch(3);
    let all = [1, 1, 2].map(|key| watch.subscribe(key).unwrap());
    assert_eq!((watch.subscriber_count(), watch.key_count()), (3, 2));
    assert_eq!(watch.subscribe(3).unwrap_err().code(), "OVERLOADED");
    let [first, second, third] = all;
    drop(first);
    watch.notify(&1);
    assert_eq!(second.changed(NEVER).now_or_never(), Some(true));
    let again = watch.subscribe(3).unwrap();
    drop((second, third, again));
    assert_eq!((watch.subscriber_count(), watch.key_count()), (0, 0));
    assert_eq!(Arc::strong_count(&watch), 1);
}

/// A writer and readers on several threads. The clock stands still, so only notifications can wake the readers.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_change_is_missed_between_reading_and_waiting() {
    const CHANGES: u32 = 5_000;
    let (watch, _hands) = watch(10);
    let row = Arc::new(AtomicU32::new(0));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (mut subscriber, row) = (watch.subscribe(1).unwrap(), Arc::clone(&row));
            tokio::spawn(async move {
                loop {
                    subscriber.begin_read();
                    if row.load(Ordering::Acquire) == CHANGES {
                        return;
                    }
                    assert!(subscriber.changed(NEVER).await);
                }
            })
        })
        .collect();
    for change in 1..=CHANGES {
        row.store(change, Ordering::Release);
        watch.notify(&1);
        if change % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Notify(u32),
    BeginRead(usize),
    Check(usize),
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3_u32).prop_map(Step::Notify),
        2 => (0..4_usize).prop_map(Step::BeginRead),
        4 => (0..4_usize).prop_map(Step::Check),
        1 => (1..1_500_u64).prop_map(Step::Advance),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Four subscribers of three keys: each is to read again exactly when a notification of its key or the poll interval
    /// has come after its last reading.
    #[test]
    fn a_subscriber_reads_again_exactly_when_there_is_a_reason(steps in steps()) {
        let (watch, hands) = watch(4);
        let clock = Clock::Virtual(hands.clone());
        let mut subscribers: Vec<_> = [0, 0, 1, 2].map(|key| watch.subscribe(key).unwrap()).into();
        let mut is_notified = [false; 4];
        let mut read_at = [clock.now(); 4];
        for step in steps {
            match step {
                Step::Notify(key) => {
                    watch.notify(&key);
                    for (index, of) in [0, 0, 1, 2].into_iter().enumerate() {
                        is_notified[index] |= of == key;
                    }
                }
                Step::BeginRead(index) => {
                    subscribers[index].begin_read();
                    is_notified[index] = false;
                    read_at[index] = clock.now();
                }
                Step::Check(index) => {
                    let is_due = is_notified[index] || clock.now() >= read_at[index].plus(POLL);
                    let changed = subscribers[index].changed(NEVER).now_or_never();
                    prop_assert_eq!(changed, is_due.then_some(true));
                }
                Step::Advance(millis) => hands.advance(Duration::from_millis(millis)),
            }
        }
    }
}
