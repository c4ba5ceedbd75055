//! What the sale context does when events arrive.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::order::v1::OrderCancelled;
use pulse_kernel::Cx;

use crate::app::{self, App};

pub(crate) fn consumers(app: &App) -> Vec<Consumer> {
    let app = app.clone();
    let returns =
        Consumer::named("sale.units_of_orders").on(move |cx: Cx, delivery: Delivery, event: OrderCancelled| {
            let app = app.clone();
            async move { app::return_units(&app, &cx, &delivery, &event).await }
        });
    vec![returns]
}
