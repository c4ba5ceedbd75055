//! Crashes, stops and changes of the lease lose no event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pulse_bus::{Backoff, Bus, Consumer, Mode};
use pulse_store::{Commit, Database, Statement, values};
use tokio::sync::Notify;

use super::fixture::{BROKEN, Dice, Fixture, Placed, options, quick};

/// A consumer that fails at random, before and after its commit.
fn unsteady(fixture: &Fixture, dice: &Dice) -> Consumer {
    let (fixture, dice) = (fixture.clone(), dice.clone());
    Consumer::named("kitchen.cook").backoff(quick()).concurrency(3).on(move |cx, delivery, event: Placed| {
        let (fixture, dice) = (fixture.clone(), dice.clone());
        async move {
            if dice.roll(6) == 0 {
                return Err(BROKEN.error("before the commit"));
            }
            fixture.effect(&cx, &delivery, event.number).await?;
            if dice.roll(6) == 0 { Err(BROKEN.error("after the commit")) } else { Ok(()) }
        }
    })
}

/// R16, R17, T2, T4: the process dies after any number of steps, repeatedly. The next one continues: no event is lost, no
/// effect happens twice, no key is out of order.
pub(crate) async fn a_crash_at_any_step_loses_nothing(database: Database) {
    let fixture = Fixture::on(database).await;
    let dice = Dice::of(17);
    let mut number = 0;
    for steps in 0..80 {
        let bus = fixture.start_with(unsteady(&fixture, &dice)).await;
        number += 1;
        fixture.place_each(3, number).await;
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
        drop(bus);
        fixture.clock.advance(Duration::from_millis(100));
    }
    let bus = fixture.start_with(unsteady(&fixture, &dice)).await;
    fixture.drain(&bus).await;
    fixture.assert_effects("kitchen.cook", 3, number).await;
}

/// An event that became a dead letter while an earlier one was running is not delivered again after a crash.
pub(crate) async fn a_dead_letter_stays_one_over_a_crash(database: Database) {
    let fixture = Fixture::on(database).await;
    let cook = fixture.clone();
    let is_blocking = Arc::new(AtomicBool::new(true));
    let blocking = Arc::clone(&is_blocking);
    let once = Backoff { attempts_max: 1, ..quick() };
    let consumer = Consumer::named("kitchen.cook").backoff(once).on(move |cx, delivery, event: Placed| {
        let (fixture, blocking) = (cook.clone(), Arc::clone(&blocking));
        async move {
            if delivery.event.key == 1 && blocking.load(Ordering::Relaxed) {
                std::future::pending().await
            }
            if delivery.event.key == 2 {
                return Err(BROKEN.error("always"));
            }
            fixture.effect(&cx, &delivery, event.number).await
        }
    });
    for key in 1..=3 {
        fixture.place(key, 1).await;
    }
    let bus = fixture.start_with(consumer.clone()).await;
    while bus.dead_letters(None, 0, 9).await.unwrap().is_empty() || fixture.effects("kitchen.cook").await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(saved_offset(&fixture).await, 0, "event 1 is open");
    drop(bus);
    is_blocking.store(false, Ordering::Relaxed);
    let bus = fixture.start_with(consumer).await;
    fixture.drain(&bus).await;
    let status = bus.status().remove(0);
    assert_eq!((status.failed_count, status.handled_count, status.dead_letter_count), (0, 2, 1));
    assert_eq!(fixture.effects("kitchen.cook").await, [(1, vec![1]), (3, vec![1])].into());
}

/// A dead letter that an operator discarded while an earlier event was open is not delivered again after a crash. Its mark is
/// deleted once the offset is above it.
pub(crate) async fn a_discarded_letter_stays_so_over_a_crash(database: Database) {
    let fixture = Fixture::on(database).await;
    let cook = fixture.clone();
    let is_blocking = Arc::new(AtomicBool::new(true));
    let blocking = Arc::clone(&is_blocking);
    let once = Backoff { attempts_max: 1, ..quick() };
    let consumer = Consumer::named("kitchen.cook").backoff(once).on(move |cx, delivery, event: Placed| {
        let (fixture, is_blocking) = (cook.clone(), blocking.load(Ordering::Relaxed));
        async move {
            if delivery.event.key == 2 && is_blocking {
                return Err(BROKEN.error("for now"));
            }
            if delivery.event.key == 1 && is_blocking {
                std::future::pending().await
            }
            fixture.effect(&cx, &delivery, event.number).await
        }
    });
    for key in 1..=3 {
        fixture.place(key, 1).await;
    }
    let bus = fixture.start_with(consumer.clone()).await;
    while bus.dead_letters(None, 0, 9).await.unwrap().is_empty() || fixture.effects("kitchen.cook").await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(saved_offset(&fixture).await, 0, "event 1 is open");
    let letter = bus.dead_letters(None, 0, 9).await.unwrap().remove(0);
    bus.discard(letter.id).await.unwrap();
    assert_eq!(bus.dead_letters(None, 0, 9).await.unwrap().len(), 0);
    assert_eq!(bus.discard(letter.id).await.unwrap_err().code(), "DEAD_LETTER_NOT_FOUND");
    assert_eq!(discarded_count(&fixture).await, 1);
    drop(bus);
    is_blocking.store(false, Ordering::Relaxed);
    let bus = fixture.start_with(consumer).await;
    fixture.drain(&bus).await;
    assert_eq!(fixture.effects("kitchen.cook").await, [(1, vec![1]), (3, vec![1])].into());
    assert_eq!(discarded_count(&fixture).await, 0, "the offset is above it");
}

async fn discarded_count(fixture: &Fixture) -> i64 {
    let query = Statement::new("SELECT COUNT(*) FROM bus_discarded", values![]);
    fixture.order.one::<(i64,)>(query).await.unwrap().0
}

/// A stop waits for running handlers and writes the offsets: nothing is delivered again.
pub(crate) async fn a_stop_finishes_what_runs(database: Database) {
    let fixture = Fixture::on(database).await;
    fixture.place_many(3, 1).await;
    let begun = Arc::new(Notify::new());
    let gate = Arc::new(Notify::new());
    let deliveries = Arc::new(AtomicUsize::new(0));
    let (cook, started, wait, count) =
        (fixture.clone(), Arc::clone(&begun), Arc::clone(&gate), Arc::clone(&deliveries));
    let consumer = Consumer::named("kitchen.cook").backoff(quick()).on(move |cx, delivery, event: Placed| {
        let (fixture, begun, gate) = (cook.clone(), Arc::clone(&started), Arc::clone(&wait));
        let is_first = count.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if is_first {
                begun.notify_one();
                gate.notified().await;
            }
            fixture.effect(&cx, &delivery, event.number).await
        }
    });
    let bus = fixture.start_with(consumer.clone()).await;
    begun.notified().await;
    let (stopping, ()) = tokio::join!(
        async {
            bus.stop().await;
            fixture.effects("kitchen.cook").await
        },
        async {
            tokio::task::yield_now().await;
            gate.notify_one();
        }
    );
    assert_eq!(stopping.len(), 3);
    assert_eq!(bus.leftovers(), Vec::<String>::new());
    fixture.place(0, 2).await;
    assert_eq!(bus.leftovers(), ["kitchen.cook: the outbox of order is not read to its end"]);
    let bus = fixture.start_with(consumer).await;
    assert_eq!(bus.drain().await, Vec::<String>::new());
    assert_eq!(deliveries.load(Ordering::Relaxed), 4);
}

/// Two nodes with the same consumer: one delivers, the other takes over when the first stops or fails.
pub(crate) async fn one_node_delivers_and_another_takes_over(database: Database) {
    let fixture = Fixture::on(database).await;
    let node = |name: &str| fixture.builder_of(options(name)).consumer(fixture.cook("kitchen.cook"));
    let active = |bus: &Bus| bus.status()[0].is_active;
    let first = fixture.start(node("a")).await;
    first.drain().await;
    let second = fixture.start(node("b")).await;
    fixture.place_many(2, 10).await;
    first.catch_up().await;
    second.drain().await;
    assert_eq!((active(&first), active(&second)), (true, false));
    first.stop().await;
    fixture.clock.advance(Duration::from_secs(5));
    second.catch_up().await;
    assert!(active(&second));
    // The node fails without releasing its lease, which has to expire.
    drop(second);
    let third = fixture.start(node("c")).await;
    third.drain().await;
    assert!(!active(&third));
    fixture.place(0, 11).await;
    fixture.clock.advance(Duration::from_secs(31));
    third.catch_up().await;
    assert_eq!(fixture.effects("kitchen.cook").await[&0], (1..=11).collect::<Vec<_>>());
}

/// A node that lost its lease unnoticed cannot move the offsets. Events that it handled meanwhile have one effect.
pub(crate) async fn a_late_holder_is_fenced_off(database: Database) {
    let fixture = Fixture::on(database).await;
    let bus = fixture.start_with(fixture.cook("kitchen.cook")).await;
    fixture.place_many(2, 3).await;
    bus.drain().await;
    let before = saved_offset(&fixture).await;
    let until = fixture.clock.now().plus(Duration::from_secs(60));
    let take_over =
        "UPDATE bus_leases SET holder = 'other', token = token + 1, expires_at = ? WHERE name = 'kitchen.cook'";
    let theft = Commit::new().write(Statement::new(take_over, values![until])).expect_rows(1);
    fixture.order.commit(&fixture.cx(), theft).await.unwrap();
    fixture.place_each(2, 4).await;
    bus.drain().await;
    assert!(!bus.status()[0].is_active);
    assert_eq!(saved_offset(&fixture).await, before);
    fixture.assert_effects("kitchen.cook", 2, 4).await;
    fixture.drain(&bus).await;
    assert_eq!(bus.status()[0].duplicate_count, 2);
    assert!(saved_offset(&fixture).await > before);
    fixture.assert_effects("kitchen.cook", 2, 4).await;
}

async fn saved_offset(fixture: &Fixture) -> i64 {
    let query = "SELECT seq FROM bus_offsets WHERE consumer = 'kitchen.cook' AND context = 'order'";
    fixture.order.one::<(i64,)>(Statement::new(query, values![])).await.unwrap().0
}

/// A random run of writers, failures, crashes, modes and time from one seed. The model is a count per key.
pub(crate) async fn a_random_run_delivers_everything_in_order(database: Database) {
    let fixture = Fixture::on(database).await;
    for seed in 0..3 {
        let dice = Dice::of(seed);
        let mut written =
            fixture.effects("kitchen.cook").await.get(&0).map_or(0, |done| done.last().copied().unwrap_or(0));
        let mut bus = Some(fixture.start_with(unsteady(&fixture, &dice)).await);
        for _ in 0..120 {
            match dice.roll(10) {
                0..=4 => {
                    written += 1;
                    fixture.place_each(4, written).await;
                }
                5 => fixture.clock.advance(Duration::from_millis(50 << dice.roll(9))),
                6 => bus = None,
                7 => set_mode(bus.as_ref(), Mode::Paused).await,
                8 => set_mode(bus.as_ref(), Mode::Running).await,
                _ => settle(bus.as_ref()).await,
            }
            if bus.is_none() {
                bus = Some(fixture.start_with(unsteady(&fixture, &dice)).await);
            }
        }
        set_mode(bus.as_ref(), Mode::Running).await;
        fixture.drain(bus.as_ref().unwrap()).await;
        fixture.assert_effects("kitchen.cook", 4, written).await;
    }
}

async fn set_mode(bus: Option<&Bus>, mode: Mode) {
    if let Some(bus) = bus {
        bus.set_mode("kitchen.cook", mode).await.unwrap();
    }
}

async fn settle(bus: Option<&Bus>) {
    if let Some(bus) = bus {
        bus.drain().await;
    }
}
