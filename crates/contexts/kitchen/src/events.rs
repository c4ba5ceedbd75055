//! What kitchens do when other contexts' events arrive.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::errors::EVENT_UNREADABLE;
use pulse_contract::order::v1::{OrderCancelled, OrderCompleted, OrderKind, OrderPaid};
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error};

use crate::app::{self, App};

/// One consumer for all of them, so that they come in the order in which they happened.
pub(crate) fn consumers(app: &App) -> Vec<Consumer> {
    let (payments, cancellations, completions) = (app.clone(), app.clone(), app.clone());
    let orders = Consumer::named("kitchen.orders")
        .on(move |cx: Cx, delivery: Delivery, event: OrderPaid| {
            let app = payments.clone();
            async move { paid(&app, &cx, &delivery, event).await }
        })
        .on(move |cx: Cx, delivery: Delivery, event: OrderCancelled| {
            let app = cancellations.clone();
            async move { cancelled(&app, &cx, &delivery, &event).await }
        })
        .on(move |cx: Cx, delivery: Delivery, event: OrderCompleted| {
            let app = completions.clone();
            async move { completed(&app, &cx, &delivery, event).await }
        });
    vec![orders]
}

async fn paid(app: &App, cx: &Cx, delivery: &Delivery, event: OrderPaid) -> Result<(), Error> {
    let order = event.order.ok_or_else(|| EVENT_UNREADABLE.error("OrderPaid without its order"))?;
    match order.kind() {
        // Vouchers are not cooked.
        OrderKind::VirtualVoucher => Ok(()),
        OrderKind::Goods | OrderKind::Unspecified => app::take_order(app, cx, delivery, &order).await,
    }
}

async fn cancelled(app: &App, cx: &Cx, delivery: &Delivery, event: &OrderCancelled) -> Result<(), Error> {
    // Only vouchers of the platform have no shop.
    if event.shop_id == 0 {
        return Ok(());
    }
    let (shop, order) = (ShopId::new(event.shop_id), OrderId::new(event.order_id));
    app::cancel_order(app, cx, delivery, (shop, order, event.version)).await
}

async fn completed(app: &App, cx: &Cx, delivery: &Delivery, event: OrderCompleted) -> Result<(), Error> {
    let order = event.order.ok_or_else(|| EVENT_UNREADABLE.error("OrderCompleted without its order"))?;
    match order.kind() {
        OrderKind::VirtualVoucher => Ok(()),
        OrderKind::Goods | OrderKind::Unspecified => app::complete_order(app, cx, delivery, &order).await,
    }
}
