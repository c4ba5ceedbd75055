//! Marks the tickets of an order whose payment was refunded in full, or whose refund failed later.

use pulse_bus::Delivery;
use pulse_contract::kitchen::v1::StoredTicket;
use pulse_contract::order::v1::OrderRefunded;
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use crate::store::orders::{self, OrderRow};
use crate::store::tickets::{self, TicketRow};

pub(crate) async fn mark_refunded(app: &App, cx: &Cx, delivery: &Delivery, event: &OrderRefunded) -> Result<(), Error> {
    let (store, id) = (&app.deps.store, OrderId::new(event.order_id));
    let is_refunded = event.refunded_minor >= event.paid_minor;
    let outcome = store
        .attempt(cx, || async {
            let known = orders::by_id(store, id).await?.filter(|order| order.order_version < event.version);
            let Some(order) = known else {
                return Ok(delivery.commit(store, cx, Commit::new()).await?);
            };
            let row = OrderRow { order_version: event.version, version: order.version + 1, ..order };
            let commit = orders::update(Commit::new(), &row);
            let all = tickets::of_order(store, id).await?;
            let changed = all.into_iter().filter(|row| row.state.is_open() && row.details.is_refunded != is_refunded);
            let commit = changed.fold(commit, |commit, ticket| {
                let details = StoredTicket { is_refunded, ..ticket.details };
                tickets::update(commit, &TicketRow { details, version: ticket.version + 1, ..ticket })
            });
            Ok(delivery.commit(store, cx, commit).await?)
        })
        .await;
    app.subscribers.notify(&ShopId::new(event.shop_id));
    outcome
}
