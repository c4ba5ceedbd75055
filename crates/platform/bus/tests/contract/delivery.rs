//! Delivering: at least once, in order per key, effects once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pulse_bus::{Consumer, Faults, Options, Start};
use pulse_kernel::TraceContext;
use pulse_store::{Commit, Database};

use super::world::{BROKEN, Cooked, Dice, Placed, Viewed, World, options, quick};

pub(crate) async fn every_event_has_its_effect_in_order(database: Database) {
    let world = World::on(database).await;
    world.place_many(5, 20).await;
    let bus = world.start_with(world.cook("kitchen.cook")).await;
    bus.drain().await;
    world.assert_effects("kitchen.cook", 5, 20).await;
    // Woken by the commit, without any poll: the clock stands still.
    for number in 21..=30 {
        world.place_each(5, number).await;
    }
    bus.drain().await;
    world.assert_effects("kitchen.cook", 5, 30).await;
    assert_eq!(bus.leftovers(), Vec::<String>::new());
}

/// A commit wakes the consumers of its process: the clock stands still, nobody polls.
pub(crate) async fn a_commit_wakes_its_consumers(database: Database) {
    let world = World::on(database).await;
    let (woken, mut wakings) = tokio::sync::mpsc::unbounded_channel();
    let consumer = Consumer::named("sleeper").on(move |_, _, event: Placed| {
        woken.send(event.number).unwrap();
        async { Ok(()) }
    });
    let bus = world.start_with(consumer).await;
    for number in 1..=20 {
        world.place(number, number).await;
        assert_eq!(wakings.recv().await, Some(number));
    }
    drop(bus);
}

/// R16: many writers commit at the same time, in another order than they began; no event is passed over.
pub(crate) async fn concurrent_writers_lose_nothing(database: Database) {
    let world = World::on(database).await;
    let bus = world.start_with(world.cook("kitchen.cook")).await;
    let write = async |key| {
        for number in 1..=25 {
            world.place(key, number).await;
        }
    };
    futures::future::join_all((0..12).map(write)).await;
    bus.drain().await;
    world.assert_effects("kitchen.cook", 12, 25).await;
    assert_eq!(bus.leftovers(), Vec::<String>::new());
}

/// TR-63: each event is delivered one to three times, the state is as after one.
pub(crate) async fn duplicates_have_no_effect(database: Database) {
    let world = World::on(database).await;
    world.place_many(4, 25).await;
    let dice = Dice::of(63);
    let deliveries = Arc::new(AtomicUsize::new(0));
    let (cook, count) = (world.clone(), Arc::clone(&deliveries));
    let consumer = Consumer::named("kitchen.cook").backoff(quick()).on(move |cx, delivery, event: Placed| {
        let (world, dice, count) = (cook.clone(), dice.clone(), Arc::clone(&count));
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            world.effect(&cx, &delivery, event.number).await?;
            let repeat = delivery.attempt < 3 && dice.roll(2) == 0;
            if repeat { Err(BROKEN.error("after the commit")) } else { Ok(()) }
        }
    });
    let bus = world.start_with(consumer).await;
    world.drain(&bus).await;
    world.assert_effects("kitchen.cook", 4, 25).await;
    assert!(deliveries.load(Ordering::Relaxed) > 120, "the injector repeats");
    let status = bus.status().remove(0);
    assert_eq!(status.handled_count, 100, "{status:?}");
    assert!(status.duplicate_count > 20, "{status:?}");
}

/// TR-62: random failures before the commit, after it, and panics, never change the order within a key.
pub(crate) async fn random_failures_keep_the_order(database: Database) {
    let world = World::on(database).await;
    let dice = Dice::of(62);
    let cook = world.clone();
    let consumer = Consumer::named("kitchen.cook").backoff(quick()).on(move |cx, delivery, event: Placed| {
        let (world, dice) = (cook.clone(), dice.clone());
        async move {
            match dice.roll(8) {
                0 => return Err(BROKEN.error("before the commit")),
                1 => panic!("before the commit"),
                _ => {}
            }
            world.effect(&cx, &delivery, event.number).await?;
            if dice.roll(8) == 0 { Err(BROKEN.error("after the commit")) } else { Ok(()) }
        }
    });
    let bus = world.start_with(consumer).await;
    world.place_many(7, 40).await;
    world.drain(&bus).await;
    world.assert_effects("kitchen.cook", 7, 40).await;
    assert!(bus.status()[0].failed_count > 20);
}

/// T4, R15: events that come twice at once, again, or late have their effect once and in order; the same seed hits the
/// same deliveries.
pub(crate) async fn faults_on_purpose_change_no_effect(database: Database) {
    let world = World::on(database).await;
    for (name, seed) in [("kitchen.cook", 1), ("kitchen.wash", 2), ("kitchen.dry", 3)] {
        let options = Options { faults: Some(Faults::many(seed)), ..options("node") };
        let bus = world.start(world.builder_of(options).consumer(world.cook(name))).await;
        if seed == 1 {
            world.place_many(7, 40).await;
        }
        world.drain(&bus).await;
        world.assert_effects(name, 7, 40).await;
        let status = bus.status().remove(0);
        assert!(status.failed_count > 50 && status.duplicate_count > 20, "{name} suffered: {status:?}");
        assert_eq!((status.handled_count, status.dead_letter_count), (280, 0));
        bus.stop().await;
    }
}

/// R18: two handlers of one event deduplicate separately; PL-60: both hear it.
pub(crate) async fn two_consumers_deduplicate_separately(database: Database) {
    let world = World::on(database).await;
    world.place_many(2, 10).await;
    let builder = world.builder().consumer(world.cook("kitchen.cook")).consumer(world.cook("kitchen.wash"));
    let bus = world.start(builder).await;
    bus.drain().await;
    world.assert_effects("kitchen.cook", 2, 10).await;
    world.assert_effects("kitchen.wash", 2, 10).await;
}

/// PL-60: one topic exactly, or all of a context.
pub(crate) async fn consumers_hear_topics_or_contexts(database: Database) {
    let world = World::on(database).await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let direct = Arc::clone(&heard);
    let all = Arc::clone(&heard);
    let one = Consumer::named("one").on(move |_, _, event: Viewed| {
        direct.lock().push(format!("one Viewed {}", event.number));
        async { Ok(()) }
    });
    let many = Consumer::named("many").on_context("order", move |_, delivery| {
        all.lock().push(format!("many {}", delivery.event.topic));
        async { Ok(()) }
    });
    let bus = world.start(world.builder().consumer(one).consumer(many)).await;
    let commit = Commit::new().event(1, &Placed { number: 1 }).event(1, &Viewed { number: 2 });
    world.order.commit(&world.cx(), commit).await.unwrap();
    bus.drain().await;
    let mut heard = heard.lock().clone();
    heard.sort();
    assert_eq!(heard, ["many pulse.order.v1.Placed", "many pulse.order.v1.Viewed", "one Viewed 2"]);
}

/// PL-17: a new subscriber begins where it is told, and only the first time.
pub(crate) async fn a_new_consumer_begins_where_it_wants(database: Database) {
    let world = World::on(database).await;
    world.place_many(1, 6).await;
    let third = world.order.events_after(0, 3).await.unwrap()[2].seq;
    let builder = world
        .builder()
        .consumer(world.cook("beginning"))
        .consumer(world.cook("now").starting("order", Start::Now))
        .consumer(world.cook("after").starting("order", Start::After(third)));
    let bus = world.start(builder).await;
    world.place(0, 7).await;
    bus.drain().await;
    bus.stop().await;
    let again = world.start_with(world.cook("now").starting("order", Start::Beginning)).await;
    again.drain().await;
    assert_eq!(world.effects("beginning").await[&0], [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(world.effects("now").await[&0], [7]);
    assert_eq!(world.effects("after").await[&0], [4, 5, 6, 7]);
}

/// What a handler writes reaches the next consumer; settling sees the whole chain.
pub(crate) async fn settling_follows_chains_of_events(database: Database) {
    let world = World::on(database).await;
    let cook = world.clone();
    let first = Consumer::named("kitchen.cook").on(move |cx, delivery, event: Placed| {
        let world = cook.clone();
        async move {
            let commit = Commit::new().event(delivery.event.key, &Cooked { number: event.number });
            Ok(delivery.commit(&world.kitchen, &cx, commit).await?)
        }
    });
    let waiter = world.clone();
    let second = Consumer::named("waiter").on(move |cx, delivery, event: Cooked| {
        let world = waiter.clone();
        async move { world.effect(&cx, &delivery, event.number).await }
    });
    // The later link stands first, so that one round over the consumers is not enough.
    let bus = world.start(world.builder().consumer(second).consumer(first)).await;
    world.place_many(3, 10).await;
    assert_eq!(bus.settle().await, Vec::<String>::new());
    world.assert_effects("waiter", 3, 10).await;
}

/// PL-48: the handler works in the trace of the request that wrote the event, retries and replays too.
pub(crate) async fn the_trace_goes_on(database: Database) {
    let world = World::on(database).await;
    let trace = TraceContext { trace_id: 0xABCD, span_id: 0x17, is_sampled: true };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let traces = Arc::clone(&seen);
    let consumer = Consumer::named("tracer").backoff(quick()).on(move |cx, delivery, _: Placed| {
        // The span is the handler's own when spans are recorded.
        traces.lock().push((cx.trace.trace_id, cx.trace.is_sampled));
        async move { if delivery.attempt == 1 { Err(BROKEN.error("once")) } else { Ok(()) } }
    });
    let bus = world.start_with(consumer).await;
    let cx = world.cx().in_trace(trace);
    world.order.commit(&cx, Commit::new().event(1, &Placed { number: 1 })).await.unwrap();
    world.drain(&bus).await;
    assert_eq!(*seen.lock(), [(0xABCD, true), (0xABCD, true)]);
}

/// T17: a handler that fails, panics or hangs is never acknowledged.
pub(crate) async fn a_failed_handler_is_never_acknowledged(database: Database) {
    let world = World::on(database).await;
    world.place(1, 1).await;
    let cook = world.clone();
    let consumer = Consumer::named("kitchen.cook").backoff(quick()).timeout(Duration::from_millis(5)).on(
        move |cx, delivery, event: Placed| {
            let world = cook.clone();
            async move {
                match delivery.attempt {
                    1 => Err(BROKEN.error("no")),
                    2 => panic!("no"),
                    3 => std::future::pending().await,
                    _ => world.effect(&cx, &delivery, event.number).await,
                }
            }
        },
    );
    let bus = world.start_with(consumer).await;
    for error in ["BROKEN: no", "the handler panicked: no", "the handler took longer than 5ms"] {
        bus.settle().await;
        let status = bus.status().remove(0);
        assert_eq!(status.last_error.as_deref(), Some(error));
        assert!(world.effects("kitchen.cook").await.is_empty());
        world.clock.advance(Duration::from_secs(10));
    }
}
