//! What the payment context does when orders change.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::order::v1::{OrderCancelled, OrderCompleted, OrderRefundRequested};
use pulse_kernel::Cx;

use crate::app::{self, App};

/// One consumer for all of them, so that what happens to one order is heard in its order.
pub(crate) fn consumers(app: &App) -> Vec<Consumer> {
    let (cancelled, completed, refunded) = (app.clone(), app.clone(), app.clone());
    let orders = Consumer::named("payment.orders")
        .on(move |cx: Cx, delivery: Delivery, event: OrderCancelled| {
            let app = cancelled.clone();
            async move { app::close_payment(&app, &cx, &delivery, &event).await }
        })
        .on(move |cx: Cx, delivery: Delivery, event: OrderCompleted| {
            let app = completed.clone();
            async move { app::record_cash(&app, &cx, &delivery, &event).await }
        })
        .on(move |cx: Cx, delivery: Delivery, event: OrderRefundRequested| {
            let app = refunded.clone();
            async move { app::ask_refund(&app, &cx, &delivery, &event).await }
        });
    vec![orders]
}
