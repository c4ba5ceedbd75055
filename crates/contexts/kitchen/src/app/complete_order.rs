//! Bumps the tickets of a completed order, because the customer has received it.

use pulse_bus::Delivery;
use pulse_contract::order::v1::OrderCompleted;
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, StoreError};

use super::App;
use crate::domain::order::Progress;
use crate::store::orders::{self, OrderRow};
use crate::store::tickets::{self, TicketRow};

pub(crate) async fn complete_order(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    order: &OrderCompleted,
) -> Result<(), Error> {
    let store = &app.deps.store;
    let (shop, id) = (ShopId::new(order.shop_id), OrderId::new(order.order_id));
    let outcome = store
        .attempt(cx, || async {
            let commit = match orders::by_id(store, id).await? {
                // Its payment is processed later, as a replayed dead letter, and then makes no tickets.
                None => record(shop, id, order.version),
                Some(row) if row.order_version > order.version || row.progress.is_cancelled => Commit::new(),
                Some(row) => complete(app, OrderRow { order_version: order.version, ..row }).await?,
            };
            Ok(delivery.commit(store, cx, commit).await?)
        })
        .await;
    app.subscribers.notify(&shop);
    outcome
}

fn record(shop: ShopId, id: OrderId, order_version: i64) -> Commit {
    orders::insert(Commit::new(), &OrderRow { id, shop, progress: Progress::default(), order_version, version: 1 })
}

/// Publishes no milestones: the order was completed without the kitchen.
async fn complete(app: &App, order: OrderRow) -> Result<Commit, StoreError> {
    let all = tickets::of_order(&app.deps.store, order.id).await?;
    let progress = order.progress.completed(all.iter().map(|ticket| ticket.state.after_complete()));
    let commit = orders::update(Commit::new(), &OrderRow { progress, version: order.version + 1, ..order });
    let changed = all.into_iter().filter(|ticket| ticket.state != ticket.state.after_complete());
    Ok(changed.fold(commit, |commit, ticket| {
        let state = ticket.state.after_complete();
        tickets::update(commit, &TicketRow { state, version: ticket.version + 1, ..ticket })
    }))
}
