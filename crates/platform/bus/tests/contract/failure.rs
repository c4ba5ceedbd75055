//! Failures: back-off, dead letters, durability classes, modes, bounds.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prost::Message;
use pulse_bus::{Backoff, Consumer, Durability, Mode, Options, Start};
use pulse_contract::Event;
use pulse_contract::errors::STORE_CONTENDED;
use pulse_kernel::Timestamp;
use pulse_store::{Commit, Database, Statement, values};

use super::fixture::{BROKEN, Fixture, Impostor, Placed, START, Viewed, options, quick, three_attempts};

/// A consumer that writes its effects, except for number 13, which fails while `is_failing`.
fn fails_thirteen(fixture: &Fixture, is_failing: &Arc<Mutex<bool>>) -> Consumer {
    let (fixture, failing) = (fixture.clone(), Arc::clone(is_failing));
    Consumer::named("kitchen.cook").backoff(three_attempts()).on(move |cx, delivery, event: Placed| {
        let fixture = fixture.clone();
        let is_failing = event.number == 13 && *failing.lock();
        async move {
            if is_failing { Err(BROKEN.error("thirteen")) } else { fixture.effect(&cx, &delivery, event.number).await }
        }
    })
}

/// A failing event blocks its own key until it is a dead letter, and no other key.
pub(crate) async fn a_failing_event_blocks_its_own_key_only(database: Database) {
    let fixture = Fixture::on(database).await;
    let is_failing = Arc::new(Mutex::new(true));
    let bus = fixture.start_with(fails_thirteen(&fixture, &is_failing)).await;
    for (key, number) in [(1, 12), (1, 13), (2, 1), (1, 14), (2, 2), (1, 15)] {
        fixture.place(key, number).await;
    }
    let left = bus.drain().await;
    assert_eq!(left, ["kitchen.cook: 3 blocked (last error: BROKEN: thirteen)"]);
    assert_eq!(fixture.effects("kitchen.cook").await, [(1, vec![12]), (2, vec![1, 2])].into());
    fixture.place(1, 16).await;
    bus.drain().await;
    let status = bus.status().remove(0);
    assert_eq!((status.blocked_count, status.outboxes[0].lag), (4, 0), "the offset advances");
    fixture.drain(&bus).await;
    assert_eq!(fixture.effects("kitchen.cook").await[&1], [12, 14, 15, 16]);
    assert_eq!(bus.status()[0].dead_letter_count, 1);
    assert_eq!(bus.leftovers(), ["kitchen.cook: 1 dead letters (last error: BROKEN: thirteen)"]);
}

/// A handler that loses a race is repeated immediately. One that always loses is retried later, as after a failure.
pub(crate) async fn a_lost_race_is_retried_immediately(database: Database) {
    let fixture = Fixture::on(database).await;
    let losses = Arc::new(Mutex::new(0));
    let (stage, lost) = (fixture.clone(), Arc::clone(&losses));
    let consumer = Consumer::named("racer").backoff(three_attempts()).on(move |cx, delivery, event: Placed| {
        let (fixture, lost) = (stage.clone(), Arc::clone(&lost));
        async move {
            assert_eq!(delivery.attempt, 1);
            *lost.lock() += 1;
            if event.number == 2 || *lost.lock() < 3 {
                return Err(STORE_CONTENDED.error("others were faster"));
            }
            fixture.effect(&cx, &delivery, event.number).await
        }
    });
    let bus = fixture.start_with(consumer).await;
    fixture.place(1, 1).await;
    assert_eq!(bus.drain().await, Vec::<String>::new());
    assert_eq!((fixture.effects("racer").await, *losses.lock()), ([(1, vec![1])].into(), 3));
    fixture.place(2, 2).await;
    assert_eq!(bus.drain().await, ["racer: 1 blocked (last error: STORE_CONTENDED: others were faster)"]);
}

/// R15: all attempts have the same event ID. T16: attempts are counted, and the pauses grow up to the cap.
pub(crate) async fn attempts_have_one_id_and_growing_pauses(database: Database) {
    let fixture = Fixture::on(database).await;
    let tries = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&tries);
    let clock = fixture.clock.clone();
    let backoff = Backoff { attempts_max: 6, first: Duration::from_secs(1), longest: Duration::from_secs(4) };
    let consumer = Consumer::named("failing").backoff(backoff).on(move |_, delivery, _: Placed| {
        seen.lock().push((delivery.event.id, delivery.attempt, clock.now()));
        async { Err(BROKEN.error("always")) }
    });
    let bus = fixture.start_with(consumer).await;
    fixture.place(1, 1).await;
    for _ in 0..300 {
        bus.drain().await;
        fixture.clock.advance(Duration::from_millis(100));
    }
    let tries = tries.lock().clone();
    let event = fixture.order.events_after(0, 1).await.unwrap().remove(0);
    assert!(tries.iter().all(|(id, _, _)| *id == event.id));
    assert_eq!(tries.iter().map(|(_, attempt, _)| *attempt).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let pauses: Vec<Duration> = tries.windows(2).map(|pair| pair[1].2.since(pair[0].2)).collect();
    for (pause, most) in pauses.iter().zip([1, 2, 4, 4, 4]) {
        let most = Duration::from_secs(most);
        assert!(*pause >= most / 2 && *pause <= most + Duration::from_millis(100), "{pauses:?}");
    }
}

/// T16: the number of attempts is durable: a restart neither resets it nor shortens the pause.
pub(crate) async fn attempts_survive_a_restart(database: Database) {
    let fixture = Fixture::on(database).await;
    let is_failing = Arc::new(Mutex::new(true));
    fixture.place(1, 13).await;
    for attempt in 1..=3 {
        let bus = fixture.start_with(fails_thirteen(&fixture, &is_failing)).await;
        bus.drain().await;
        assert_eq!(bus.status()[0].failed_count, 1, "attempt {attempt}");
        drop(bus);
        let bus = fixture.start_with(fails_thirteen(&fixture, &is_failing)).await;
        bus.drain().await;
        assert_eq!(bus.status()[0].failed_count, 0, "the retry is not due");
        drop(bus);
        fixture.clock.advance(Duration::from_secs(10));
    }
    let bus = fixture.start_with(fails_thirteen(&fixture, &is_failing)).await;
    bus.drain().await;
    let letters = bus.dead_letters(None, 0, 10).await.unwrap();
    assert_eq!((letters.len(), letters[0].attempts), (1, 3));
}

/// A dead letter has the whole event. It can be replayed, edited and replayed, or discarded.
pub(crate) async fn dead_letters_are_replayed_edited_or_discarded(database: Database) {
    let fixture = Fixture::on(database).await;
    let is_failing = Arc::new(Mutex::new(true));
    let bus = fixture.start_with(fails_thirteen(&fixture, &is_failing)).await;
    for key in 1..=3 {
        fixture.place(key, 13).await;
    }
    fixture.drain(&bus).await;
    let letters = bus.dead_letters(Some("kitchen.cook"), 0, 2).await.unwrap();
    assert_eq!(letters.len(), 2);
    let rest = bus.dead_letters(None, letters[1].id, 2).await.unwrap();
    assert_eq!(rest.len(), 1);
    let all = [letters, rest].concat();
    let letter = all.iter().find(|letter| letter.event.key == 1).unwrap();
    assert_eq!((letter.consumer.as_str(), letter.context.as_str(), letter.attempts), ("kitchen.cook", "order", 3));
    assert_eq!((letter.error.as_str(), &*letter.event.topic), ("BROKEN: thirteen", Placed::TOPIC));
    assert!(letter.failed_at > START);
    let original = fixture.order.events_after(0, 9).await.unwrap().into_iter().find(|event| event.key == 1).unwrap();
    assert_eq!(letter.event, original);
    let id_of = |key| all.iter().find(|letter| letter.event.key == key).unwrap().id;

    // Edited: delivered with another number and the same ID.
    bus.replay_edited(id_of(2), Placed { number: 26 }.encode_to_vec().into()).await.unwrap();
    bus.drain().await;
    assert_eq!(fixture.effects("kitchen.cook").await, [(2, vec![26])].into());
    // Replayed while it still fails: a dead letter again.
    bus.replay(id_of(1)).await.unwrap();
    fixture.drain(&bus).await;
    let back = bus.dead_letters(None, 0, 9).await.unwrap();
    assert_eq!(back.iter().map(|letter| letter.event.key).collect::<Vec<_>>(), [3, 1]);
    // Replayed after the cause is fixed.
    *is_failing.lock() = false;
    bus.replay(back[1].id).await.unwrap();
    bus.discard(id_of(3)).await.unwrap();
    let marks = Statement::new("SELECT COUNT(*) FROM bus_discarded", values![]);
    assert_eq!(fixture.order.one::<(i64,)>(marks).await.unwrap(), (0,), "the offset is above it");
    assert_eq!(bus.drain().await, Vec::<String>::new());
    assert_eq!(fixture.effects("kitchen.cook").await, [(1, vec![13]), (2, vec![26])].into());
    assert_eq!(bus.replay(id_of(3)).await.unwrap_err().code(), "DEAD_LETTER_NOT_FOUND");
    assert_eq!(bus.set_mode("nobody", Mode::Paused).await.unwrap_err().code(), "CONSUMER_NOT_FOUND");
}

/// An event that cannot be decoded becomes a dead letter without retries, and its key continues.
pub(crate) async fn an_unreadable_event_becomes_a_dead_letter_immediately(database: Database) {
    let fixture = Fixture::on(database).await;
    let bus = fixture.start_with(fixture.cook("kitchen.cook")).await;
    let commit = Commit::new().event(1, &Impostor { text: "not a number".into() });
    fixture.order.commit(&fixture.cx(), commit).await.unwrap();
    fixture.place(1, 2).await;
    bus.drain().await;
    let letters = bus.dead_letters(None, 0, 9).await.unwrap();
    assert_eq!((letters.len(), letters[0].attempts), (1, 1));
    assert!(letters[0].error.starts_with("EVENT_UNREADABLE"), "{}", letters[0].error);
    assert_eq!(fixture.effects("kitchen.cook").await[&1], [2]);
}

/// T21, DL-08: an expired event is dropped and counted, a lossy one is tried once, all others are kept.
pub(crate) async fn classes_decide_what_is_lost(database: Database) {
    let fixture = Fixture::on(database).await;
    for (name, durability, failed, dropped, letters) in [
        ("kept", Durability::Kept, 3, 0, 1),
        ("expires_late", Durability::Expires(Duration::from_secs(3_600)), 3, 0, 1),
        ("expires_soon", Durability::Expires(Duration::from_millis(20)), 1, 1, 0),
        ("lossy", Durability::Lossy, 0, 1, 0),
    ] {
        let consumer = Consumer::named(name)
            .backoff(three_attempts())
            .starting("order", Start::Now)
            .on(|_, _, _: Placed| async { Err(BROKEN.error("always")) });
        let bus = fixture.start(fixture.builder().consumer(consumer).topic(Placed::TOPIC, durability)).await;
        fixture.place(1, 1).await;
        fixture.drain(&bus).await;
        let status = bus.status().remove(0);
        let counts = (status.failed_count, status.dropped_count, status.dead_letter_count);
        assert_eq!(counts, (failed, dropped, letters), "{durability:?}");
        bus.stop().await;
    }
}

/// Events below all offsets can be pruned. Blocked events are copies and stay.
pub(crate) async fn settled_events_can_be_pruned(database: Database) {
    let fixture = Fixture::on(database).await;
    let is_failing = Arc::new(Mutex::new(true));
    let bus = fixture.start_with(fails_thirteen(&fixture, &is_failing)).await;
    for number in 11..=15 {
        fixture.place(1, number).await;
    }
    bus.drain().await;
    fixture.clock.advance(Duration::from_secs(1));
    bus.set_mode("kitchen.cook", Mode::Paused).await.unwrap();
    fixture.place(1, 16).await;
    assert_eq!(bus.prune(START).await.unwrap(), 0);
    bus.prune(fixture.clock.now()).await.unwrap();
    let left = fixture.order.events_after(0, 10).await.unwrap();
    assert_eq!(left.len(), 1, "the unsettled event");
    *is_failing.lock() = false;
    bus.set_mode("kitchen.cook", Mode::Running).await.unwrap();
    fixture.drain(&bus).await;
    assert_eq!(fixture.effects("kitchen.cook").await[&1], [11, 12, 13, 14, 15, 16]);
}

/// TR-38: a paused consumer loses no event and shows its lag. A degraded one drops lossy events and marks deliveries.
pub(crate) async fn a_consumer_can_be_paused_and_degraded(database: Database) {
    let fixture = Fixture::on(database).await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heard);
    let consumer = Consumer::named("switched").on_context("order", move |_, delivery| {
        seen.lock().push((delivery.event.topic.to_string(), delivery.is_degraded));
        async { Ok(()) }
    });
    let builder = fixture.builder().consumer(consumer.clone()).topic(Viewed::TOPIC, Durability::Lossy);
    let bus = fixture.start(builder).await;
    bus.set_mode("switched", Mode::Paused).await.unwrap();
    fixture.place_many(2, 5).await;
    assert!(!bus.drain().await.is_empty());
    fixture.clock.advance(Duration::from_secs(5));
    bus.drain().await;
    let status = bus.status().remove(0);
    assert_eq!((status.mode, status.handled_count, status.outboxes[0].lag), (Mode::Paused, 0, 10));
    bus.stop().await;

    // The mode survives the restart.
    let bus = fixture.start(fixture.builder().consumer(consumer).topic(Viewed::TOPIC, Durability::Lossy)).await;
    bus.drain().await;
    assert_eq!((bus.status()[0].mode, heard.lock().len()), (Mode::Paused, 0));
    bus.set_mode("switched", Mode::Degraded).await.unwrap();
    let commit = Commit::new().event(1, &Viewed { number: 1 });
    fixture.order.commit(&fixture.cx(), commit).await.unwrap();
    bus.drain().await;
    assert_eq!(bus.status()[0].dropped_count, 1);
    assert_eq!(*heard.lock(), vec![(Placed::TOPIC.to_owned(), true); 10]);
    bus.set_mode("switched", Mode::Running).await.unwrap();
    fixture.place(1, 6).await;
    bus.drain().await;
    assert_eq!(heard.lock().last(), Some(&(Placed::TOPIC.to_owned(), false)));
}

/// When all events fail, blocked events stay within their maximum and the offset stops. No event is lost.
pub(crate) async fn blocked_events_are_bounded(database: Database) {
    let fixture = Fixture::on(database).await;
    let is_down = Arc::new(Mutex::new(true));
    let (cook, down) = (fixture.clone(), Arc::clone(&is_down));
    let consumer =
        Consumer::named("kitchen.cook").backoff(quick()).on(move |cx, delivery, event: Placed| {
            let fixture = cook.clone();
            let is_down = *down.lock();
            async move {
                if is_down { Err(BROKEN.error("down")) } else { fixture.effect(&cx, &delivery, event.number).await }
            }
        });
    let limits = Options { batch_max: 8, open_max: 16, blocked_max: 40, ..options("node") };
    let bus = fixture.start(fixture.builder_of(limits).consumer(consumer)).await;
    fixture.place_many(20, 10).await;
    for _ in 0..20 {
        bus.drain().await;
        let status = bus.status().remove(0);
        assert!(status.blocked_count <= 40 && status.open_count <= 16, "{status:?}");
        fixture.clock.advance(Duration::from_secs(1));
    }
    bus.drain().await;
    let status = bus.status().remove(0);
    assert_eq!((status.blocked_count, status.open_count), (40, 0));
    assert!(status.outboxes[0].lag > 100, "the offset stops: {status:?}");
    *is_down.lock() = false;
    fixture.drain(&bus).await;
    fixture.assert_effects("kitchen.cook", 20, 10).await;
    assert!(fixture.clock.now() > Timestamp::EPOCH);
}
