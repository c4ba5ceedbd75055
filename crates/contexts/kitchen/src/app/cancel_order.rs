//! Cancels the tickets of a cancelled order; an order without tickets is recorded, in case its payment arrives later.

use pulse_bus::Delivery;
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, StoreError};

use super::App;
use crate::domain::order::Progress;
use crate::store::orders::{self, OrderRow};
use crate::store::tickets::{self, TicketRow};

pub(crate) async fn cancel_order(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    (shop, id, version): (ShopId, OrderId, i64),
) -> Result<(), Error> {
    let store = &app.deps.store;
    let outcome = store
        .attempt(cx, || async {
            let commit = match orders::by_id(store, id).await? {
                None => record(shop, id, version),
                // The order was paid later, or is cancelled already.
                Some(order) if order.order_version > version || order.progress.is_cancelled => Commit::new(),
                Some(order) => cancel(app, OrderRow { order_version: version, ..order }).await?,
            };
            Ok(delivery.commit(store, cx, commit).await?)
        })
        .await;
    app.subscribers.notify(&shop);
    outcome
}

/// Records the cancellation, because the payment may be processed later: as a replayed dead letter, or for an order that a
/// late payment reactivates.
fn record(shop: ShopId, id: OrderId, order_version: i64) -> Commit {
    let progress = Progress { is_cancelled: true, ..Progress::default() };
    orders::insert(Commit::new(), &OrderRow { id, shop, progress, order_version, version: 1 })
}

async fn cancel(app: &App, order: OrderRow) -> Result<Commit, StoreError> {
    let all = tickets::of_order(&app.deps.store, order.id).await?;
    let cancelled = Progress { is_cancelled: true, ..order.progress };
    let (progress, _) = cancelled.with(all.iter().map(|ticket| ticket.state.after_cancel()));
    let commit = orders::update(Commit::new(), &OrderRow { progress, version: order.version + 1, ..order });
    let changed = all.into_iter().filter(|ticket| ticket.state != ticket.state.after_cancel());
    Ok(changed.fold(commit, |commit, ticket| {
        let state = ticket.state.after_cancel();
        tickets::update(commit, &TicketRow { state, version: ticket.version + 1, ..ticket })
    }))
}
