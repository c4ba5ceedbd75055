//! Deliveries: at least once, in order per key, with one effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pulse_bus::{Consumer, Faults, Options, Start};
use pulse_kernel::TraceContext;
use pulse_store::{Commit, Database};

use super::fixture::{BROKEN, Cooked, Dice, Fixture, Placed, Viewed, options, quick};

pub(crate) async fn every_event_has_its_effect_in_order(database: Database) {
    let fixture = Fixture::on(database).await;
    fixture.place_many(5, 20).await;
    let bus = fixture.start_with(fixture.cook("kitchen.cook")).await;
    bus.catch_up().await;
    fixture.assert_effects("kitchen.cook", 5, 20).await;
    // The commits wake the consumer without a poll, because the clock does not move.
    for number in 21..=30 {
        fixture.place_each(5, number).await;
    }
    bus.catch_up().await;
    fixture.assert_effects("kitchen.cook", 5, 30).await;
    assert_eq!(bus.leftovers(), Vec::<String>::new());
}

/// A commit wakes the consumers of its process. The clock does not move, so nothing is polled.
pub(crate) async fn a_commit_wakes_its_consumers(database: Database) {
    let fixture = Fixture::on(database).await;
    let (woken, mut wakings) = tokio::sync::mpsc::unbounded_channel();
    let consumer = Consumer::named("sleeper").on(move |_, _, event: Placed| {
        woken.send(event.number).unwrap();
        async { Ok(()) }
    });
    let bus = fixture.start_with(consumer).await;
    for number in 1..=20 {
        fixture.place(number, number).await;
        assert_eq!(wakings.recv().await, Some(number));
    }
    drop(bus);
}

/// R16: many writers commit concurrently, in another order than they began. No event is skipped.
pub(crate) async fn concurrent_writers_lose_nothing(database: Database) {
    let fixture = Fixture::on(database).await;
    let bus = fixture.start_with(fixture.cook("kitchen.cook")).await;
    let write = async |key| {
        for number in 1..=25 {
            fixture.place(key, number).await;
        }
    };
    futures::future::join_all((0..12).map(write)).await;
    bus.catch_up().await;
    fixture.assert_effects("kitchen.cook", 12, 25).await;
    assert_eq!(bus.leftovers(), Vec::<String>::new());
}

/// TR-63: each event is delivered one to three times, with the effect of one delivery.
pub(crate) async fn duplicates_have_no_effect(database: Database) {
    let fixture = Fixture::on(database).await;
    fixture.place_many(4, 25).await;
    let dice = Dice::of(63);
    let deliveries = Arc::new(AtomicUsize::new(0));
    let (cook, count) = (fixture.clone(), Arc::clone(&deliveries));
    let consumer = Consumer::named("kitchen.cook").backoff(quick()).on(move |cx, delivery, event: Placed| {
        let (fixture, dice, count) = (cook.clone(), dice.clone(), Arc::clone(&count));
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            fixture.effect(&cx, &delivery, event.number).await?;
            let repeat = delivery.attempt < 3 && dice.roll(2) == 0;
            if repeat { Err(BROKEN.error("after the commit")) } else { Ok(()) }
        }
    });
    let bus = fixture.start_with(consumer).await;
    fixture.drain(&bus).await;
    fixture.assert_effects("kitchen.cook", 4, 25).await;
    assert!(deliveries.load(Ordering::Relaxed) > 120, "deliveries are repeated");
    let status = bus.status().remove(0);
    assert_eq!(status.handled_count, 100, "{status:?}");
    assert!(status.duplicate_count > 20, "{status:?}");
}

/// TR-62: random failures before and after the commit, and panics, never change the order within a key.
pub(crate) async fn random_failures_keep_the_order(database: Database) {
    let fixture = Fixture::on(database).await;
    let dice = Dice::of(62);
    let cook = fixture.clone();
    let consumer = Consumer::named("kitchen.cook").backoff(quick()).on(move |cx, delivery, event: Placed| {
        let (fixture, dice) = (cook.clone(), dice.clone());
        async move {
            match dice.roll(8) {
                0 => return Err(BROKEN.error("before the commit")),
                1 => panic!("before the commit"),
                _ => {}
            }
            fixture.effect(&cx, &delivery, event.number).await?;
            if dice.roll(8) == 0 { Err(BROKEN.error("after the commit")) } else { Ok(()) }
        }
    });
    let bus = fixture.start_with(consumer).await;
    fixture.place_many(7, 40).await;
    fixture.drain(&bus).await;
    fixture.assert_effects("kitchen.cook", 7, 40).await;
    assert!(bus.status()[0].failed_count > 20);
}

/// T4, R15: events that are delivered twice, repeatedly or late have one effect, in order.
pub(crate) async fn injected_faults_change_no_effect(database: Database) {
    let fixture = Fixture::on(database).await;
    for (name, seed) in [("kitchen.cook", 1), ("kitchen.wash", 2), ("kitchen.dry", 3)] {
        let options = Options { faults: Some(Faults::many(seed)), ..options("node") };
        let bus = fixture.start(fixture.builder_of(options).consumer(fixture.cook(name))).await;
        if seed == 1 {
            fixture.place_many(7, 40).await;
        }
        fixture.drain(&bus).await;
        fixture.assert_effects(name, 7, 40).await;
        let status = bus.status().remove(0);
        assert!(status.failed_count > 50 && status.duplicate_count > 20, "{name}: {status:?}");
        assert_eq!((status.handled_count, status.dead_letter_count), (280, 0));
        bus.stop().await;
    }
}

/// R18, PL-60: two consumers of one event get it both and deduplicate separately.
pub(crate) async fn two_consumers_deduplicate_separately(database: Database) {
    let fixture = Fixture::on(database).await;
    fixture.place_many(2, 10).await;
    let builder = fixture.builder().consumer(fixture.cook("kitchen.cook")).consumer(fixture.cook("kitchen.wash"));
    let bus = fixture.start(builder).await;
    bus.catch_up().await;
    fixture.assert_effects("kitchen.cook", 2, 10).await;
    fixture.assert_effects("kitchen.wash", 2, 10).await;
}

/// PL-60: a consumer subscribes to one topic, or to all topics of a context.
pub(crate) async fn consumers_subscribe_to_topics_or_contexts(database: Database) {
    let fixture = Fixture::on(database).await;
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
    let bus = fixture.start(fixture.builder().consumer(one).consumer(many)).await;
    let commit = Commit::new().event(1, &Placed { number: 1 }).event(1, &Viewed { number: 2 });
    fixture.order.commit(&fixture.cx(), commit).await.unwrap();
    bus.catch_up().await;
    let mut heard = heard.lock().clone();
    heard.sort();
    assert_eq!(heard, ["many pulse.order.v1.Placed", "many pulse.order.v1.Viewed", "one Viewed 2"]);
}

/// PL-17: a new consumer starts at its declared position, the first time only.
pub(crate) async fn a_new_consumer_starts_at_its_position(database: Database) {
    let fixture = Fixture::on(database).await;
    fixture.place_many(1, 6).await;
    let third = fixture.order.events_after(0, 3).await.unwrap()[2].seq;
    let builder = fixture
        .builder()
        .consumer(fixture.cook("beginning"))
        .consumer(fixture.cook("now").starting("order", Start::Now))
        .consumer(fixture.cook("after").starting("order", Start::After(third)));
    let bus = fixture.start(builder).await;
    fixture.place(0, 7).await;
    bus.catch_up().await;
    bus.stop().await;
    let again = fixture.start_with(fixture.cook("now").starting("order", Start::Beginning)).await;
    again.catch_up().await;
    assert_eq!(fixture.effects("beginning").await[&0], [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(fixture.effects("now").await[&0], [7]);
    assert_eq!(fixture.effects("after").await[&0], [4, 5, 6, 7]);
}

/// Events of a handler reach the next consumer. Draining includes the whole chain.
pub(crate) async fn draining_follows_chains_of_events(database: Database) {
    let fixture = Fixture::on(database).await;
    let cook = fixture.clone();
    let first = Consumer::named("kitchen.cook").on(move |cx, delivery, event: Placed| {
        let fixture = cook.clone();
        async move {
            let commit = Commit::new().event(delivery.event.key, &Cooked { number: event.number });
            Ok(delivery.commit(&fixture.kitchen, &cx, commit).await?)
        }
    });
    let waiter = fixture.clone();
    let second = Consumer::named("waiter").on(move |cx, delivery, event: Cooked| {
        let fixture = waiter.clone();
        async move { fixture.effect(&cx, &delivery, event.number).await }
    });
    // The later consumer comes first, so that one round over the consumers is not enough.
    let bus = fixture.start(fixture.builder().consumer(second).consumer(first)).await;
    fixture.place_many(3, 10).await;
    assert_eq!(bus.drain().await, Vec::<String>::new());
    fixture.assert_effects("waiter", 3, 10).await;
}

/// PL-48: the handler runs in the trace of the request that wrote the event, also in retries.
pub(crate) async fn the_trace_continues(database: Database) {
    let fixture = Fixture::on(database).await;
    let trace = TraceContext { trace_id: 0xABCD, span_id: 0x17, is_sampled: true };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let traces = Arc::clone(&seen);
    let consumer = Consumer::named("tracer").backoff(quick()).on(move |cx, delivery, _: Placed| {
        // The span ID is not compared, because the handler has a span of its own.
        traces.lock().push((cx.trace.trace_id, cx.trace.is_sampled));
        async move { if delivery.attempt == 1 { Err(BROKEN.error("once")) } else { Ok(()) } }
    });
    let bus = fixture.start_with(consumer).await;
    let cx = fixture.cx().in_trace(trace);
    fixture.order.commit(&cx, Commit::new().event(1, &Placed { number: 1 })).await.unwrap();
    fixture.drain(&bus).await;
    assert_eq!(*seen.lock(), [(0xABCD, true), (0xABCD, true)]);
}

/// T17: a handler that fails, panics or hangs is never acknowledged.
pub(crate) async fn a_failed_handler_is_never_acknowledged(database: Database) {
    let fixture = Fixture::on(database).await;
    fixture.place(1, 1).await;
    let cook = fixture.clone();
    let consumer = Consumer::named("kitchen.cook").backoff(quick()).timeout(Duration::from_millis(5)).on(
        move |cx, delivery, event: Placed| {
            let fixture = cook.clone();
            async move {
                match delivery.attempt {
                    1 => Err(BROKEN.error("no")),
                    2 => panic!("no"),
                    3 => std::future::pending().await,
                    _ => fixture.effect(&cx, &delivery, event.number).await,
                }
            }
        },
    );
    let bus = fixture.start_with(consumer).await;
    for error in ["BROKEN: no", "the handler panicked: no", "the handler took longer than 5ms"] {
        bus.drain().await;
        let status = bus.status().remove(0);
        assert_eq!(status.last_error.as_deref(), Some(error));
        assert!(fixture.effects("kitchen.cook").await.is_empty());
        fixture.clock.advance(Duration::from_secs(10));
    }
}
