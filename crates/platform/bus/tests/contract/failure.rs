//! Failing: back-off, dead letters, classes of durability, the switch, bounds.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prost::Message;
use pulse_bus::{Backoff, Consumer, Durability, Mode, Options, Start};
use pulse_contract::Event;
use pulse_contract::errors::STORE_CONTENDED;
use pulse_kernel::Timestamp;
use pulse_store::{Commit, Database, Statement, values};

use super::world::{BROKEN, Impostor, Placed, START, Viewed, World, options, quick, three_attempts};

/// Writes its effect, except for number 13, which fails while `is_poisonous`.
fn superstitious(world: &World, is_poisonous: &Arc<Mutex<bool>>) -> Consumer {
    let (world, poison) = (world.clone(), Arc::clone(is_poisonous));
    Consumer::named("kitchen.cook").backoff(three_attempts()).on(move |cx, delivery, event: Placed| {
        let world = world.clone();
        let is_failing = event.number == 13 && *poison.lock();
        async move {
            if is_failing { Err(BROKEN.error("thirteen")) } else { world.effect(&cx, &delivery, event.number).await }
        }
    })
}

/// A poisonous event holds up its own key until it is a dead letter, and no other key at all.
pub(crate) async fn a_poisonous_event_blocks_its_key_alone(database: Database) {
    let world = World::on(database).await;
    let poison = Arc::new(Mutex::new(true));
    let bus = world.start_with(superstitious(&world, &poison)).await;
    for (key, number) in [(1, 12), (1, 13), (2, 1), (1, 14), (2, 2), (1, 15)] {
        world.place(key, number).await;
    }
    let left = bus.settle().await;
    assert_eq!(left, ["kitchen.cook: 3 parked (last error: BROKEN: thirteen)"]);
    assert_eq!(world.effects("kitchen.cook").await, [(1, vec![12]), (2, vec![1, 2])].into());
    world.place(1, 16).await;
    bus.settle().await;
    let status = bus.status().remove(0);
    assert_eq!((status.parked_count, status.outboxes[0].lag), (4, 0), "the offset moved on");
    world.drain(&bus).await;
    assert_eq!(world.effects("kitchen.cook").await[&1], [12, 14, 15, 16]);
    assert_eq!(bus.status()[0].dead_letter_count, 1);
    assert_eq!(bus.leftovers(), ["kitchen.cook: 1 dead letters (last error: BROKEN: thirteen)"]);
}

/// A handler that loses a race loads and decides again at once; one that never wins is tried later, as after a failure.
pub(crate) async fn a_lost_race_is_tried_again_at_once(database: Database) {
    let world = World::on(database).await;
    let losses = Arc::new(Mutex::new(0));
    let (stage, lost) = (world.clone(), Arc::clone(&losses));
    let consumer = Consumer::named("racer").backoff(three_attempts()).on(move |cx, delivery, event: Placed| {
        let (world, lost) = (stage.clone(), Arc::clone(&lost));
        async move {
            assert_eq!(delivery.attempt, 1);
            *lost.lock() += 1;
            if event.number == 2 || *lost.lock() < 3 {
                return Err(STORE_CONTENDED.error("others were faster"));
            }
            world.effect(&cx, &delivery, event.number).await
        }
    });
    let bus = world.start_with(consumer).await;
    world.place(1, 1).await;
    assert_eq!(bus.settle().await, Vec::<String>::new());
    assert_eq!((world.effects("racer").await, *losses.lock()), ([(1, vec![1])].into(), 3));
    world.place(2, 2).await;
    assert_eq!(bus.settle().await, ["racer: 1 parked (last error: STORE_CONTENDED: others were faster)"]);
}

/// R15: one event id over all attempts; T16: the attempts are counted per delivery, the pauses grow and are capped.
pub(crate) async fn attempts_have_one_id_and_growing_pauses(database: Database) {
    let world = World::on(database).await;
    let tries = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&tries);
    let clock = world.clock.clone();
    let backoff = Backoff { attempts_max: 6, first: Duration::from_secs(1), longest: Duration::from_secs(4) };
    let consumer = Consumer::named("failing").backoff(backoff).on(move |_, delivery, _: Placed| {
        seen.lock().push((delivery.event.id, delivery.attempt, clock.now()));
        async { Err(BROKEN.error("always")) }
    });
    let bus = world.start_with(consumer).await;
    world.place(1, 1).await;
    for _ in 0..300 {
        bus.settle().await;
        world.clock.advance(Duration::from_millis(100));
    }
    let tries = tries.lock().clone();
    let event = world.order.events_after(0, 1).await.unwrap().remove(0);
    assert!(tries.iter().all(|(id, _, _)| *id == event.id));
    assert_eq!(tries.iter().map(|(_, attempt, _)| *attempt).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let pauses: Vec<Duration> = tries.windows(2).map(|pair| pair[1].2.since(pair[0].2)).collect();
    for (pause, most) in pauses.iter().zip([1, 2, 4, 4, 4]) {
        let most = Duration::from_secs(most);
        assert!(*pause >= most / 2 && *pause <= most + Duration::from_millis(100), "{pauses:?}");
    }
}

/// T16: attempts are persisted: a restart does not begin to count anew, and does not shorten the pause.
pub(crate) async fn attempts_survive_a_restart(database: Database) {
    let world = World::on(database).await;
    let poison = Arc::new(Mutex::new(true));
    world.place(1, 13).await;
    for attempt in 1..=3 {
        let bus = world.start_with(superstitious(&world, &poison)).await;
        bus.settle().await;
        assert_eq!(bus.status()[0].failed_count, 1, "attempt {attempt}");
        drop(bus);
        let bus = world.start_with(superstitious(&world, &poison)).await;
        bus.settle().await;
        assert_eq!(bus.status()[0].failed_count, 0, "it is not due");
        drop(bus);
        world.clock.advance(Duration::from_secs(10));
    }
    let bus = world.start_with(superstitious(&world, &poison)).await;
    bus.settle().await;
    let letters = bus.dead_letters(None, 0, 10).await.unwrap();
    assert_eq!((letters.len(), letters[0].attempts), (1, 3));
}

/// A dead letter says everything; it can be replayed, edited and replayed, or discarded.
pub(crate) async fn dead_letters_are_replayed_edited_or_discarded(database: Database) {
    let world = World::on(database).await;
    let poison = Arc::new(Mutex::new(true));
    let bus = world.start_with(superstitious(&world, &poison)).await;
    for key in 1..=3 {
        world.place(key, 13).await;
    }
    world.drain(&bus).await;
    let letters = bus.dead_letters(Some("kitchen.cook"), 0, 2).await.unwrap();
    assert_eq!(letters.len(), 2);
    let rest = bus.dead_letters(None, letters[1].id, 2).await.unwrap();
    assert_eq!(rest.len(), 1);
    let all = [letters, rest].concat();
    let letter = all.iter().find(|letter| letter.event.key == 1).unwrap();
    assert_eq!((letter.consumer.as_str(), letter.context.as_str(), letter.attempts), ("kitchen.cook", "order", 3));
    assert_eq!((letter.error.as_str(), &*letter.event.topic), ("BROKEN: thirteen", Placed::TOPIC));
    assert!(letter.failed_at > START);
    let original = world.order.events_after(0, 9).await.unwrap().into_iter().find(|event| event.key == 1).unwrap();
    assert_eq!(letter.event, original);
    let id_of = |key| all.iter().find(|letter| letter.event.key == key).unwrap().id;

    // Edited: delivered as another number, under the same id.
    bus.replay_edited(id_of(2), Placed { number: 26 }.encode_to_vec().into()).await.unwrap();
    bus.settle().await;
    assert_eq!(world.effects("kitchen.cook").await, [(2, vec![26])].into());
    // Replayed in vain: it comes back after as many attempts.
    bus.replay(id_of(1)).await.unwrap();
    world.drain(&bus).await;
    let back = bus.dead_letters(None, 0, 9).await.unwrap();
    assert_eq!(back.iter().map(|letter| letter.event.key).collect::<Vec<_>>(), [3, 1]);
    // Replayed after the reason is gone.
    *poison.lock() = false;
    bus.replay(back[1].id).await.unwrap();
    bus.discard(id_of(3)).await.unwrap();
    let marks = Statement::new("SELECT COUNT(*) FROM bus_discarded", values![]);
    assert_eq!(world.order.one::<(i64,)>(marks).await.unwrap(), (0,), "the offset had passed it");
    assert_eq!(bus.settle().await, Vec::<String>::new());
    assert_eq!(world.effects("kitchen.cook").await, [(1, vec![13]), (2, vec![26])].into());
    assert_eq!(bus.replay(id_of(3)).await.unwrap_err().code(), "DEAD_LETTER_NOT_FOUND");
    assert_eq!(bus.set_mode("nobody", Mode::Paused).await.unwrap_err().code(), "CONSUMER_NOT_FOUND");
}

/// What cannot be decoded is a dead letter at once: trying again cannot help, and its key goes on.
pub(crate) async fn an_unreadable_event_is_a_dead_letter_at_once(database: Database) {
    let world = World::on(database).await;
    let bus = world.start_with(world.cook("kitchen.cook")).await;
    let commit = Commit::new().event(1, &Impostor { text: "not a number".into() });
    world.order.commit(&world.cx(), commit).await.unwrap();
    world.place(1, 2).await;
    bus.settle().await;
    let letters = bus.dead_letters(None, 0, 9).await.unwrap();
    assert_eq!((letters.len(), letters[0].attempts), (1, 1));
    assert!(letters[0].error.starts_with("EVENT_UNREADABLE"), "{}", letters[0].error);
    assert_eq!(world.effects("kitchen.cook").await[&1], [2]);
}

/// T21, DL-08: an expired event is dropped and counted, a lossy one is tried once, all others are kept.
pub(crate) async fn classes_decide_what_is_lost(database: Database) {
    let world = World::on(database).await;
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
        let bus = world.start(world.builder().consumer(consumer).topic(Placed::TOPIC, durability)).await;
        world.place(1, 1).await;
        world.drain(&bus).await;
        let status = bus.status().remove(0);
        let counts = (status.failed_count, status.dropped_count, status.dead_letter_count);
        assert_eq!(counts, (failed, dropped, letters), "{durability:?}");
        bus.stop().await;
    }
}

/// What every consumer has settled can be pruned; what is parked has a copy and survives it.
pub(crate) async fn settled_events_can_be_pruned(database: Database) {
    let world = World::on(database).await;
    let poison = Arc::new(Mutex::new(true));
    let bus = world.start_with(superstitious(&world, &poison)).await;
    for number in 11..=15 {
        world.place(1, number).await;
    }
    bus.settle().await;
    world.clock.advance(Duration::from_secs(1));
    bus.set_mode("kitchen.cook", Mode::Paused).await.unwrap();
    world.place(1, 16).await;
    assert_eq!(bus.prune(START).await.unwrap(), 0);
    bus.prune(world.clock.now()).await.unwrap();
    let left = world.order.events_after(0, 10).await.unwrap();
    assert_eq!(left.len(), 1, "the unsettled one");
    *poison.lock() = false;
    bus.set_mode("kitchen.cook", Mode::Running).await.unwrap();
    world.drain(&bus).await;
    assert_eq!(world.effects("kitchen.cook").await[&1], [11, 12, 13, 14, 15, 16]);
}

/// TR-38: pausing loses nothing and shows the lag; degrading drops what may be lost and tells the handler.
pub(crate) async fn a_consumer_can_be_paused_and_degraded(database: Database) {
    let world = World::on(database).await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heard);
    let consumer = Consumer::named("switched").on_context("order", move |_, delivery| {
        seen.lock().push((delivery.event.topic.to_string(), delivery.is_degraded));
        async { Ok(()) }
    });
    let builder = world.builder().consumer(consumer.clone()).topic(Viewed::TOPIC, Durability::Lossy);
    let bus = world.start(builder).await;
    bus.set_mode("switched", Mode::Paused).await.unwrap();
    world.place_many(2, 5).await;
    assert!(!bus.settle().await.is_empty());
    world.clock.advance(Duration::from_secs(5));
    bus.settle().await;
    let status = bus.status().remove(0);
    assert_eq!((status.mode, status.handled_count, status.outboxes[0].lag), (Mode::Paused, 0, 10));
    bus.stop().await;

    // The switch survives the restart.
    let bus = world.start(world.builder().consumer(consumer).topic(Viewed::TOPIC, Durability::Lossy)).await;
    bus.settle().await;
    assert_eq!((bus.status()[0].mode, heard.lock().len()), (Mode::Paused, 0));
    bus.set_mode("switched", Mode::Degraded).await.unwrap();
    let commit = Commit::new().event(1, &Viewed { number: 1 });
    world.order.commit(&world.cx(), commit).await.unwrap();
    bus.settle().await;
    assert_eq!(bus.status()[0].dropped_count, 1);
    assert_eq!(*heard.lock(), vec![(Placed::TOPIC.to_owned(), true); 10]);
    bus.set_mode("switched", Mode::Running).await.unwrap();
    world.place(1, 6).await;
    bus.settle().await;
    assert_eq!(heard.lock().last(), Some(&(Placed::TOPIC.to_owned(), false)));
}

/// When everything fails, parked events stay within their bound and the offset stops; afterwards nothing is missing.
pub(crate) async fn parking_is_bounded(database: Database) {
    let world = World::on(database).await;
    let is_down = Arc::new(Mutex::new(true));
    let (cook, down) = (world.clone(), Arc::clone(&is_down));
    let consumer = Consumer::named("kitchen.cook").backoff(quick()).on(move |cx, delivery, event: Placed| {
        let world = cook.clone();
        let is_down = *down.lock();
        async move {
            if is_down { Err(BROKEN.error("down")) } else { world.effect(&cx, &delivery, event.number).await }
        }
    });
    let limits = Options { batch_max: 8, open_max: 16, parked_max: 40, ..options("node") };
    let bus = world.start(world.builder_of(limits).consumer(consumer)).await;
    world.place_many(20, 10).await;
    for _ in 0..20 {
        bus.settle().await;
        let status = bus.status().remove(0);
        assert!(status.parked_count <= 40 && status.open_count <= 16, "{status:?}");
        world.clock.advance(Duration::from_secs(1));
    }
    bus.settle().await;
    let status = bus.status().remove(0);
    assert_eq!((status.parked_count, status.open_count), (40, 0));
    assert!(status.outboxes[0].lag > 100, "the offset stopped: {status:?}");
    *is_down.lock() = false;
    world.drain(&bus).await;
    world.assert_effects("kitchen.cook", 20, 10).await;
    assert!(world.clock.now() > Timestamp::EPOCH);
}
