//! What the stock context does when other contexts' events arrive.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::kitchen::v1::ItemOutChanged;
use pulse_contract::order::v1::OrderCancelled;
use pulse_kernel::Cx;
use pulse_store::Commit;

use crate::app::{self, App};

/// The desk writes first, and again the second time, which changes nothing: keys and versions say what is old. The inbox
/// comes after it, so that an event is never taken for consumed that was not.
pub(crate) fn consumers(app: &App) -> Vec<Consumer> {
    let (halting, releasing) = (app.clone(), app.clone());
    let halts = Consumer::named("stock.items_out").on(move |cx: Cx, delivery: Delivery, event: ItemOutChanged| {
        let app = halting.clone();
        async move {
            app::halt_stock(&app, &cx, &event).await?;
            Ok(delivery.commit(&app.deps.store, &cx, Commit::new()).await?)
        }
    });
    let releases =
        Consumer::named("stock.cancelled_orders").on(move |cx: Cx, delivery: Delivery, event: OrderCancelled| {
            let app = releasing.clone();
            async move {
                app::release_cancelled(&app, &cx, event.order_id).await?;
                Ok(delivery.commit(&app.deps.store, &cx, Commit::new()).await?)
            }
        });
    vec![halts, releases]
}
