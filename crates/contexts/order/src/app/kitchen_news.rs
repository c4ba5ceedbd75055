//! Takes in what kitchens tell.

use pulse_bus::Delivery;
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};

use super::App;
use super::change::Change;
use crate::domain::machine::{Move, Role};
use crate::store::orders;

/// Moves the order as the kitchen says; news that is too late for its state changes nothing.
pub(crate) async fn kitchen_moves(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    order_id: i64,
    mv: Move,
) -> Result<(), Error> {
    let store = &app.deps.store;
    let Some(row) = orders::by_id(store, OrderId::new(order_id)).await? else {
        return Ok(());
    };
    let mut change = Change::of(row, cx);
    if change.make(cx, mv, &[Role::Kitchen], "").is_err() {
        return Ok(());
    }
    change.tell_moved();
    let (_, commit) = change.end();
    Ok(delivery.commit(store, cx, commit).await?)
}
