//! An order, for those who may know of it.

use pulse_contract::order::v1::{GetOrderRequest, Order};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};

use super::{App, load, not_found, view};
use crate::domain::machine::Role;
use crate::store::orders::OrderRow;

pub(crate) async fn get_order(app: &App, cx: &Cx, request: GetOrderRequest) -> Result<Order, Error> {
    let (row, roles) = visible(app, cx, OrderId::new(request.order_id)).await?;
    Ok(view::order(&row, &roles))
}

/// The order, and as whom the caller sees it; for others there is no such order.
pub(super) async fn visible(app: &App, cx: &Cx, id: OrderId) -> Result<(OrderRow, Vec<Role>), Error> {
    let row = load(app, id).await?;
    let roles = view::roles(cx, &row);
    if roles.is_empty() { Err(not_found(id)) } else { Ok((row, roles)) }
}
