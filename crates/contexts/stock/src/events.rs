//! Handlers of the events of kitchens and orders.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::kitchen::v1::ItemOutChanged;
use pulse_contract::order::v1::OrderCancelled;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use crate::app::{self, App};

/// The batcher writes the effect before the inbox row, so that an event never counts as handled before its effect is
/// written. A repeated or old event changes nothing: keys and versions identify it.
pub(crate) fn consumers(app: &App) -> [Consumer; 2] {
    [
        Consumer::named("stock.items_out").handles(app, halt_stock),
        Consumer::named("stock.cancelled_orders").handles(app, release_cancelled),
    ]
}

async fn halt_stock(app: &App, cx: &Cx, delivery: &Delivery, event: ItemOutChanged) -> Result<(), Error> {
    app::halt_stock(app, cx, &event).await?;
    Ok(delivery.commit(&app.deps.store, cx, Commit::new()).await?)
}

async fn release_cancelled(app: &App, cx: &Cx, delivery: &Delivery, event: OrderCancelled) -> Result<(), Error> {
    app::release_cancelled(app, cx, event.order_id).await?;
    Ok(delivery.commit(&app.deps.store, cx, Commit::new()).await?)
}
