//! Handlers of the events of payments and kitchens, and of the context's own.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::kitchen::v1::{OrderReady, OrderStarted};
use pulse_kernel::{Cx, Error};

use crate::app::{self, App};
use crate::domain::machine::Move;
use crate::queued_placement;

pub(crate) fn consumers(app: &App) -> [Consumer; 5] {
    [
        app.list_projector.consumer(),
        queued_placement::consumer(app),
        Consumer::named("order.payments")
            .handles(app, app::take_payment)
            .handles(app, app::refund_done)
            .handles(app, app::refund_failed),
        Consumer::named("order.kitchens").handles(app, started).handles(app, ready),
        Consumer::named("order.reservations").handles(app, app::secure_order).handles(app, app::release_second),
    ]
}

async fn started(app: &App, cx: &Cx, delivery: &Delivery, event: OrderStarted) -> Result<(), Error> {
    app::kitchen_moves(app, cx, delivery, event.order_id, Move::Prepare).await
}

async fn ready(app: &App, cx: &Cx, delivery: &Delivery, event: OrderReady) -> Result<(), Error> {
    app::kitchen_moves(app, cx, delivery, event.order_id, Move::Ready).await
}
