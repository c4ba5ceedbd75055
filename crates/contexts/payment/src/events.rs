//! Handlers of the events of orders.

use pulse_bus::Consumer;

use crate::app::{self, App};

/// One consumer for all events of orders, so that those of one order are handled in their order.
pub(crate) fn consumers(app: &App) -> [Consumer; 1] {
    [Consumer::named("payment.orders")
        .handles(app, app::close_payment)
        .handles(app, app::record_cash)
        .handles(app, app::ask_refund)]
}
