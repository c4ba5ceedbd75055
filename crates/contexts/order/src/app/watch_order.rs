//! Streams an order until it is no longer being placed (TR-34).

use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pulse_contract::order::v1::{GetOrderRequest, Order, OrderState, WatchOrderRequest};
use pulse_kernel::{Cx, Error};
use tokio::time::sleep;

use super::{App, get_order};

/// How often somebody who watches is looked for. Any node may place the order, so nobody here can be woken by it.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(crate) async fn watch_order(
    app: &App,
    cx: &Cx,
    request: WatchOrderRequest,
) -> Result<BoxStream<'static, Result<Order, Error>>, Error> {
    let asked = GetOrderRequest { order_id: request.order_id };
    // Here, so that whoever may not know of it hears that as an answer.
    let first = get_order(app, cx, asked).await?;
    let (app, cx) = (app.clone(), cx.clone());
    let told = first.version;
    let later = stream::try_unfold((is_open(&first), told), move |(is_open, told)| {
        let (app, cx) = (app.clone(), cx.clone());
        async move {
            if !is_open {
                return Ok(None);
            }
            loop {
                sleep(LOOK_EVERY).await;
                let order = get_order(&app, &cx, asked).await?;
                if order.version != told {
                    let next = (self::is_open(&order), order.version);
                    return Ok(Some((order, next)));
                }
            }
        }
    });
    Ok(stream::once(async move { Ok(first) }).chain(later).boxed())
}

fn is_open(order: &Order) -> bool {
    order.state() == OrderState::Placing
}
