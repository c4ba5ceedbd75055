//! Handlers of the events of orders.

use pulse_bus::Consumer;

use crate::app::{self, App};

pub(crate) fn consumers(app: &App) -> [Consumer; 1] {
    [Consumer::named("sale.units_of_orders").handles(app, app::return_units)]
}
