//! Refunds the payment of an order, in full or in part.

use pulse_contract::order::v1::{Order, RefundCause, RefundOrderRequest, errors};
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error};

use super::move_order::{ShopOrder, at_shop, commit};
use super::transition::{RequestedRefund, Transition};
use super::{App, view};
use crate::domain::ids::RefundId;
use crate::domain::refund;

pub(crate) async fn refund_order(app: &App, cx: &Cx, request: RefundOrderRequest) -> Result<Order, Error> {
    let id = RefundId::new(app.deps.store.next_id(cx.now));
    let target = ShopOrder { shop: ShopId::new(request.shop_id), order: OrderId::new(request.order_id) };
    app.deps
        .store
        .attempt(cx, || async {
            let (row, roles) = at_shop(app, cx, target).await?;
            let amount_minor = refund::refundable(view::paid_minor(&row), &view::refunds(&row), request.amount_minor)
                .map_err(|left_minor| too_much(request.amount_minor, left_minor))?;
            let mut order = Transition::of(row, cx);
            let (cause, reason) = (RefundCause::ByStaff, request.reason.as_str());
            order.request_refund(&RequestedRefund { id, cause, amount_minor, reason });
            commit(app, cx, order, &roles).await
        })
        .await
}

fn too_much(requested_minor: i64, left_minor: i64) -> Error {
    errors::ORDER_REFUND_TOO_MUCH
        .error(format!("amount_minor must be at most {left_minor}, which is not refunded yet, got {requested_minor}"))
        .with("left_minor", left_minor)
}
