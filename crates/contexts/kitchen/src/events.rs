//! Consumers of events of orders.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::order::v1::{OrderCancelled, OrderCompleted, OrderKind, OrderPaid, OrderRefunded};
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error};

use crate::app::{self, App};

/// One consumer for all events of orders, so that they are handled in order.
pub(crate) fn consumers(app: &App) -> [Consumer; 1] {
    [Consumer::named("kitchen.orders")
        .handles(app, paid)
        .handles(app, cancelled)
        .handles(app, refunded)
        .handles(app, completed)]
}

async fn paid(app: &App, cx: &Cx, delivery: &Delivery, event: OrderPaid) -> Result<(), Error> {
    match event.kind() {
        // Vouchers have no tickets.
        OrderKind::VirtualVoucher => Ok(()),
        OrderKind::Goods | OrderKind::Unspecified => app::take_order(app, cx, delivery, &event).await,
    }
}

async fn cancelled(app: &App, cx: &Cx, delivery: &Delivery, event: OrderCancelled) -> Result<(), Error> {
    // Orders without a shop are vouchers of the platform.
    if event.shop_id == 0 {
        return Ok(());
    }
    let (shop, order) = (ShopId::new(event.shop_id), OrderId::new(event.order_id));
    app::cancel_order(app, cx, delivery, (shop, order, event.version)).await
}

async fn refunded(app: &App, cx: &Cx, delivery: &Delivery, event: OrderRefunded) -> Result<(), Error> {
    match event.kind() {
        OrderKind::VirtualVoucher => Ok(()),
        OrderKind::Goods | OrderKind::Unspecified => app::mark_refunded(app, cx, delivery, &event).await,
    }
}

async fn completed(app: &App, cx: &Cx, delivery: &Delivery, event: OrderCompleted) -> Result<(), Error> {
    match event.kind() {
        OrderKind::VirtualVoucher => Ok(()),
        OrderKind::Goods | OrderKind::Unspecified => app::complete_order(app, cx, delivery, &event).await,
    }
}
