//! Returns an order to callers who may see it.

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

/// Loads an order with the roles of the caller; a caller without a role gets `ORDER_NOT_FOUND`.
pub(super) async fn visible(app: &App, cx: &Cx, id: OrderId) -> Result<(OrderRow, Vec<Role>), Error> {
    let row = load(app, id).await?;
    let roles = view::roles(cx, &row);
    if roles.is_empty() { Err(not_found(id)) } else { Ok((row, roles)) }
}
