//! A worker that dies at every one of its await points.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use pulse_kernel::Clock;
use pulse_store::Database;

use crate::{Consumer, Options};
use world::{BROKEN, Dice, Placed, World, quick};

#[expect(dead_code, reason = "the suite of the engines uses the rest")]
#[path = "../tests/contract/world.rs"]
mod world;

/// Runs the future until it is done or was polled so often, and drops it where it is.
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

/// Fails now and then, before its commit and after it.
fn unsteady(world: &World, dice: &Dice) -> Consumer {
    let (world, dice) = (world.clone(), dice.clone());
    Consumer::named("kitchen.cook").backoff(quick()).concurrency(2).on(move |cx, delivery, event: Placed| {
        let (world, dice) = (world.clone(), dice.clone());
        async move {
            match dice.roll(6) {
                0 => Err(BROKEN.error("before the commit")),
                1 => {
                    world.effect(&cx, &delivery, event.number).await?;
                    Err(BROKEN.error("after the commit"))
                }
                _ => world.effect(&cx, &delivery, event.number).await,
            }
        }
    })
}

/// T2, R17: whatever a worker is waiting for when it dies, the next one goes on: nothing is lost, no effect happens
/// twice, no key is out of order. Each round dies one poll later, until one survives its work; then again with another
/// seed.
#[tokio::test]
async fn a_worker_that_dies_at_any_await_point_loses_nothing() {
    for seed in 0..3 {
        let world = World::on(Database::open("sqlite::memory:", pulse_store::Options::default()).await.unwrap()).await;
        let dice = Dice::of(seed);
        let mut number = 0;
        let mut polls = 1;
        while round(&world, &dice, polls, &mut number).await {
            polls += 1;
            world.clock.advance(Duration::from_millis(75));
        }
        assert!(polls > 10, "only {polls} await points were met");
        let bus = world.start_with(unsteady(&world, &dice)).await;
        world.drain(&bus).await;
        world.assert_effects("kitchen.cook", 3, number).await;
    }
}

/// Whether the worker died before its work was done.
async fn round(world: &World, dice: &Dice, polls: usize, number: &mut i64) -> bool {
    for _ in 0..2 {
        *number += 1;
        world.place_each(3, *number).await;
    }
    let clock = Clock::Virtual(world.clock.clone());
    let builder = crate::Bus::builder(Options { batch_max: 4, ..world::options("node") })
        .outbox(&world.order)
        .consumer(unsteady(world, dice));
    let (bus, mut workers) = builder.prepare(&world.database, clock, Arc::clone(&world.ids)).await.unwrap();
    let worker = workers.remove(0);
    tokio::select! {
        () = poll_at_most(Box::pin(worker.run()), polls) => true,
        _ = bus.settle() => false,
    }
}
