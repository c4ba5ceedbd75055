//! Handlers of the events of payments and kitchens, and of the context's own.

use pulse_bus::Consumer;

use crate::app::{self, App};
use crate::queued_placement;

pub(crate) fn consumers(app: &App) -> [Consumer; 5] {
    [
        app.list_projector.consumer(),
        queued_placement::consumer(app),
        Consumer::named("order.payments")
            .handles(app, app::on_payment_succeeded)
            .handles(app, app::on_refund_succeeded)
            .handles(app, app::on_refund_failed),
        Consumer::named("order.kitchens").handles(app, app::on_order_started).handles(app, app::on_order_ready),
        Consumer::named("order.reservations")
            .handles(app, app::confirm_cash_order)
            .handles(app, app::release_second_reservation),
    ]
}
