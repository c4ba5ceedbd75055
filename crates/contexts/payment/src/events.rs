//! Handlers of the events of orders.

use pulse_bus::Consumer;

use crate::app::{self, App};

/// One consumer handles all events, so that the events of one order are handled in sequence.
pub(crate) fn consumers(app: &App) -> [Consumer; 1] {
    [Consumer::named("payment.orders")
        .handles(app, app::close_payment)
        .handles(app, app::record_cash)
        .handles(app, app::record_refund_request)]
}
