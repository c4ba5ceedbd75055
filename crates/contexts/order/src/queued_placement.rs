//! Background placement of queued orders for hot items: takes all waiting orders as one batch and places them together.
//!
//! A queued order is an order in state `PLACING`, with an event that brings it here and a timer that ends its wait. The
//! queue in memory may be lost at any time: the event is delivered again, and an order in another state is skipped.

use std::time::Duration;

use pulse_bus::{Consumer, Delivery};
use pulse_contract::order::v1::OrderQueued;
use pulse_kernel::id::OrderId;
use pulse_kernel::{Clock, Cx, Error, Kind};
use pulse_work::{Batcher, BatcherOptions, Executor, Group, Next, OnFailure, Sweep, Worker};

use crate::app::{self, App};

/// Name of the consumer. Its lag, failures, dead letters and mode are those of queued placement.
pub(crate) const CONSUMER: &str = "order.queued_placement";
/// Maximum number of orders of a batch.
const ORDERS_MAX: usize = 500;
/// Interval at which the rates of hot items decay, also on a node that places no orders.
const DECAY_EVERY: Duration = Duration::from_secs(1);

/// Starts the worker, which ends with the consumer.
pub(crate) fn consumer(app: &App) -> Consumer {
    let options = BatcherOptions::new(CONSUMER, ORDERS_MAX, ORDERS_MAX);
    let batcher = Batcher::start(options, PlacementWorker { app: app.clone() });
    let hot_items = app.hot_items.clone();
    Consumer::named(CONSUMER)
        .on(move |cx: Cx, delivery: Delivery, event: OrderQueued| {
            let batcher = batcher.clone();
            if delivery.is_degraded {
                hot_items.suspend(cx.now);
            }
            // No inbox entry: the state of the order says whether it is still queued.
            async move { batcher.call(OrderId::new(event.order_id)).await }
        })
        .concurrency(ORDERS_MAX)
}

/// Lets the rates of hot items decay while no orders arrive.
pub(crate) async fn decay_rates(app: App) {
    let step = || {
        app.hot_items.decay(app.deps.store.clock().now());
        std::future::ready(Ok(Next::AfterPause))
    };
    Sweep::every("order.hot_items", Clock::system(), DECAY_EVERY).run(step).await;
}

/// Places orders by their IDs.
struct PlacementWorker {
    app: App,
}

impl Worker for PlacementWorker {
    type Job = OrderId;
    type Outcome = ();

    async fn handle(&mut self, orders: &mut Group<OrderId, ()>) {
        orders.execute(self).await;
    }
}

impl Executor for PlacementWorker {
    async fn execute(&mut self, order_ids: &[OrderId]) -> Result<Vec<()>, Error> {
        app::place_queued_orders(&self.app, order_ids).await?;
        Ok(vec![(); order_ids.len()])
    }

    fn on_failure(&mut self, error: &Error) -> OnFailure {
        match is_transient(error) {
            true => OnFailure::FailAll,
            false => OnFailure::ExecuteEach,
        }
    }
}

/// Whether the same call may succeed later without an intervention.
fn is_transient(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::DeadlineExceeded | Kind::Aborted | Kind::ResourceExhausted)
}
