//! Moves an order when the kitchen has started or finished it.

use pulse_bus::Delivery;
use pulse_contract::kitchen::v1::{OrderReady, OrderStarted};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};

use super::App;
use super::transition::Transition;
use crate::domain::machine::{Move, Role};
use crate::store::orders;

pub(crate) async fn on_order_started(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    event: OrderStarted,
) -> Result<(), Error> {
    on_kitchen_event(app, cx, delivery, OrderId::new(event.order_id), Move::Prepare).await
}

pub(crate) async fn on_order_ready(app: &App, cx: &Cx, delivery: &Delivery, event: OrderReady) -> Result<(), Error> {
    on_kitchen_event(app, cx, delivery, OrderId::new(event.order_id), Move::Ready).await
}

/// Makes the move if the state of the order still allows it; an event that arrives too late changes nothing.
async fn on_kitchen_event(app: &App, cx: &Cx, delivery: &Delivery, id: OrderId, mv: Move) -> Result<(), Error> {
    let store = &app.deps.store;
    let Some(row) = orders::by_id(store, id).await? else {
        return Ok(());
    };
    let mut order = Transition::of(row, cx);
    if order.apply(cx, mv, &[Role::Kitchen], "").is_err() {
        return Ok(());
    }
    order.emit_moved();
    let (_, commit) = order.finish();
    Ok(delivery.commit(store, cx, commit).await?)
}
