//! A worker that is dropped at each of its await points.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use pulse_kernel::Clock;
use pulse_store::Database;

use crate::{Consumer, Options, worker_loop};
use fixture::{BROKEN, Dice, Fixture, Placed, quick};

#[expect(dead_code, reason = "the suite of the engines uses the rest")]
#[path = "../tests/contract/fixture.rs"]
mod fixture;

/// Polls the future at most `polls` times, then drops it.
async fn poll_at_most(future: impl Future<Output = ()>, polls: usize) {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        left -= 1;
        let poll = future.as_mut().poll(context);
        if left == 0 { Poll::Ready(()) } else { poll }
    })
    .await;
}

/// A consumer that fails at random, before and after its commit.
fn unsteady(fixture: &Fixture, dice: &Dice) -> Consumer {
    let (fixture, dice) = (fixture.clone(), dice.clone());
    Consumer::named("kitchen.cook").backoff(quick()).concurrency(2).on(move |cx, delivery, event: Placed| {
        let (fixture, dice) = (fixture.clone(), dice.clone());
        async move {
            match dice.roll(6) {
                0 => Err(BROKEN.error("before the commit")),
                1 => {
                    fixture.effect(&cx, &delivery, event.number).await?;
                    Err(BROKEN.error("after the commit"))
                }
                _ => fixture.effect(&cx, &delivery, event.number).await,
            }
        }
    })
}

/// T2, R17: a worker may be dropped at any await point. The next one continues: no event is lost, no effect happens twice,
/// no key is out of order. Each round is dropped one poll later, until one finishes its work; then again with another seed.
#[tokio::test]
async fn a_worker_that_dies_at_any_await_point_loses_nothing() {
    for seed in 0..3 {
        let fixture =
            Fixture::on(Database::open("sqlite::memory:", pulse_store::Options::default()).await.unwrap()).await;
        let dice = Dice::of(seed);
        let mut number = 0;
        let mut polls = 1;
        while round(&fixture, &dice, polls, &mut number).await {
            polls += 1;
            fixture.clock.advance(Duration::from_millis(75));
        }
        assert!(polls > 10, "only {polls} await points were reached");
        let bus = fixture.start_with(unsteady(&fixture, &dice)).await;
        fixture.drain(&bus).await;
        fixture.assert_effects("kitchen.cook", 3, number).await;
    }
}

/// Whether the worker was dropped before its work was done.
async fn round(fixture: &Fixture, dice: &Dice, polls: usize, number: &mut i64) -> bool {
    for _ in 0..2 {
        *number += 1;
        fixture.place_each(3, *number).await;
    }
    let clock = Clock::Virtual(fixture.clock.clone());
    let builder = crate::Bus::builder(Options { batch_max: 4, ..fixture::options("node") })
        .outbox(&fixture.order)
        .consumer(unsteady(fixture, dice));
    let (bus, mut workers) = builder.prepare(&fixture.database, clock, Arc::clone(&fixture.ids)).await.unwrap();
    let worker = workers.remove(0);
    tokio::select! {
        () = poll_at_most(Box::pin(worker_loop::run(worker)), polls) => true,
        _ = bus.drain() => false,
    }
}
