//! Streams an order until it is no longer being placed (TR-34).

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pulse_contract::order::v1::{GetOrderRequest, Order, OrderState, WatchOrderRequest};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Clock, Cx, Error, Timestamp};
use pulse_work::{Subscription, Watch};

use super::{App, get_order};

/// Subscribers by order ID. A notification says that this node has placed or refused the order.
pub(crate) type PlacementSubscribers = Watch<OrderId>;

/// Poll interval for orders that other nodes place, and for orders that are cancelled or expire.
const POLL: Duration = Duration::from_millis(250);
/// Maximum number of subscribers of a node.
const SUBSCRIBERS_MAX: usize = 65_536;
/// The stream has no end of its own; its caller ends it.
const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// A registry without subscribers. It polls by the clock of the machine: a placement is no matter of business time.
pub(crate) fn placement_subscribers() -> Arc<PlacementSubscribers> {
    Arc::new(Watch::new(Clock::system(), POLL, SUBSCRIBERS_MAX))
}

pub(crate) async fn watch_order(
    app: &App,
    cx: &Cx,
    request: WatchOrderRequest,
) -> Result<BoxStream<'static, Result<Order, Error>>, Error> {
    let request = GetOrderRequest { order_id: request.order_id };
    let subscription = app.placements.subscribe(OrderId::new(request.order_id))?;
    // Reads before the stream begins, so that a refusal is the answer of the call.
    let first = get_order(app, cx, request).await?;
    let (sent_version, is_placing) = (first.version, is_placing(&first));
    let view = View { app: app.clone(), cx: cx.clone(), request, subscription, sent_version, is_placing };
    let changes = stream::try_unfold(view, |mut view| async move {
        let next = view.next().await?;
        Ok(next.map(|order| (order, view)))
    });
    Ok(stream::once(async move { Ok(first) }).chain(changes).boxed())
}

/// The order of one client.
struct View {
    app: App,
    cx: Cx,
    request: GetOrderRequest,
    subscription: Subscription<OrderId>,
    /// Version that was sent last.
    sent_version: i64,
    is_placing: bool,
}

impl View {
    /// Returns the next version of the order; `None` after a version in another state than `PLACING`.
    async fn next(&mut self) -> Result<Option<Order>, Error> {
        if !self.is_placing {
            return Ok(None);
        }
        loop {
            self.subscription.changed(NEVER).await;
            self.subscription.begin_read();
            let order = get_order(&self.app, &self.cx, self.request).await?;
            if order.version != self.sent_version {
                (self.sent_version, self.is_placing) = (order.version, is_placing(&order));
                return Ok(Some(order));
            }
        }
    }
}

fn is_placing(order: &Order) -> bool {
    order.state() == OrderState::Placing
}
