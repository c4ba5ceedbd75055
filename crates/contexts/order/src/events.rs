//! What the order context does when events arrive, its own among them.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::kitchen::v1::{OrderReady, OrderStarted};
use pulse_contract::order::v1::{OrderCancelled, OrderPaid};
use pulse_contract::payment::v1::{PaymentRefundFailed, PaymentRefunded, PaymentSucceeded};
use pulse_kernel::Cx;

use crate::app::{self, App};
use crate::domain::machine::Move;
use crate::hot_lane;

pub(crate) fn consumers(app: &App) -> Vec<Consumer> {
    vec![app.list.consumer(), hot_lane::consumer(app), payments(app), kitchens(app), own(app)]
}

/// Money comes and goes.
fn payments(app: &App) -> Consumer {
    let (paid, refunded, failed) = (app.clone(), app.clone(), app.clone());
    Consumer::named("order.payments")
        .on(move |cx, delivery, event: PaymentSucceeded| {
            let app = paid.clone();
            async move { app::take_payment(&app, &cx, &delivery, event).await }
        })
        .on(move |cx, delivery, event: PaymentRefunded| {
            let app = refunded.clone();
            async move { app::refund_done(&app, &cx, &delivery, event).await }
        })
        .on(move |cx, delivery, event: PaymentRefundFailed| {
            let app = failed.clone();
            async move { app::refund_failed(&app, &cx, &delivery, event).await }
        })
}

/// Kitchens begin and are done.
fn kitchens(app: &App) -> Consumer {
    let (started, ready) = (app.clone(), app.clone());
    Consumer::named("order.kitchens")
        .on(move |cx: Cx, delivery: Delivery, event: OrderStarted| {
            let app = started.clone();
            async move { app::kitchen_moves(&app, &cx, &delivery, event.order_id, Move::Prepare).await }
        })
        .on(move |cx: Cx, delivery: Delivery, event: OrderReady| {
            let app = ready.clone();
            async move { app::kitchen_moves(&app, &cx, &delivery, event.order_id, Move::Ready).await }
        })
}

/// What follows from orders outside of this context, after their commits.
fn own(app: &App) -> Consumer {
    let (paid, cancelled) = (app.clone(), app.clone());
    Consumer::named("order.reservations")
        .on(move |cx, delivery, event: OrderPaid| {
            let app = paid.clone();
            async move { app::secure_order(&app, &cx, &delivery, event).await }
        })
        .on(move |cx, _delivery, event: OrderCancelled| {
            let app = cancelled.clone();
            async move { app::release_second(&app, &cx, event).await }
        })
}
