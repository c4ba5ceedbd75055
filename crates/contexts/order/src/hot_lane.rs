//! The lane of orders of what many order at once: takes those that wait, as many as there are, and has them placed together.
//!
//! An order that waits is an order in state `PLACING`, with an event that brings it here and a timer that ends its wait. What
//! is here can be lost at any time: the event comes again, and an order that has its end is left alone.

use std::time::Duration;

use pulse_bus::{Consumer, Delivery};
use pulse_contract::errors;
use pulse_contract::order::v1::OrderQueued;
use pulse_kernel::{Cx, Error, Kind};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::app::{self, App};

/// The name of the consumer, whose lag, failures and dead letters are those of the lane, and whose switch is its switch.
const CONSUMER: &str = "order.hot_lane";
/// How many orders are placed together.
const BATCH: usize = 500;
/// How often it is looked what has cooled down while nothing comes: also on a node that another one places for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// An order that waits, and whom to tell that it has its end.
struct Waiting {
    order_id: i64,
    done: oneshot::Sender<Result<(), Error>>,
}

/// Starts the task that places orders; it ends with the consumer.
pub(crate) fn consumer(app: &App) -> Consumer {
    let (orders, waiting) = mpsc::channel(BATCH);
    tokio::spawn(place_batches(app.clone(), waiting));
    let heat = app.heat.clone();
    Consumer::named(CONSUMER)
        .on(move |cx: Cx, delivery: Delivery, event: OrderQueued| {
            let orders = orders.clone();
            if delivery.is_degraded {
                heat.rest(cx.now);
            }
            async move { take_in(&orders, event.order_id).await }
        })
        .concurrency(BATCH)
}

/// Puts the order into the next batch and waits until it has its end. There is nothing to remember in an inbox: the state of
/// the order says whether it still waits.
async fn take_in(orders: &mpsc::Sender<Waiting>, order_id: i64) -> Result<(), Error> {
    let (done, outcome) = oneshot::channel();
    let ended = || errors::DRAINING.error("no orders are placed any more");
    orders.send(Waiting { order_id, done }).await.map_err(|_unsent| ended())?;
    outcome.await.map_err(|gone| ended().caused_by(gone))?
}

async fn place_batches(app: App, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        match timeout(LOOK_EVERY, waiting.recv_many(&mut batch, BATCH)).await {
            Ok(0) => return,
            Ok(_) => place(&app, std::mem::take(&mut batch)).await,
            // Nothing came in the meantime.
            Err(_elapsed) => {}
        }
        app.heat.cool(app.deps.store.clock().now());
    }
}

async fn place(app: &App, batch: Vec<Waiting>) {
    let ids: Vec<i64> = batch.iter().map(|waiting| waiting.order_id).collect();
    match app::place_queued_orders(app, &ids).await {
        Ok(()) => batch.into_iter().for_each(|waiting| waiting.tell(Ok(()))),
        Err(error) if is_passing(&error) => {
            let told = || errors::STORE_UNAVAILABLE.error("the orders wait on").caused_by(error.report());
            batch.into_iter().for_each(|waiting| waiting.tell(Err(told())));
        }
        // One of them brings down all: each for itself, so that it is the only one.
        Err(error) => {
            tracing::warn!(error = error.report(), count = batch.len(), "orders are placed one by one");
            for waiting in batch {
                let outcome = app::place_queued_orders(app, &[waiting.order_id]).await;
                waiting.tell(outcome);
            }
        }
    }
}

/// Whether the same may work later without anybody doing something about it.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::DeadlineExceeded | Kind::Aborted | Kind::ResourceExhausted)
}

impl Waiting {
    fn tell(self, outcome: Result<(), Error>) {
        // Nobody listens any more when the delivery was given up; it comes again.
        self.done.send(outcome).unwrap_or_default();
    }
}
