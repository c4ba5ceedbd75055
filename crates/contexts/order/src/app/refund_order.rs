//! Pays back all or a part of an order.

use pulse_contract::order::v1::{Order, RefundCause, RefundOrderRequest, errors};
use pulse_kernel::{Cx, Error};

use super::change::Change;
use super::move_order::{answer, at_shop};
use super::{App, view};
use crate::domain::refund;

pub(crate) async fn refund_order(app: &App, cx: &Cx, request: RefundOrderRequest) -> Result<Order, Error> {
    let refund_id = app.deps.store.next_id(cx.now);
    app.deps
        .store
        .attempt(cx, || async {
            let (row, roles) = at_shop(app, cx, request.shop_id, request.order_id).await?;
            let amount = refund::refundable(view::paid_minor(&row), &view::refunds(&row), request.amount_minor)
                .map_err(|left| {
                    errors::ORDER_REFUND_TOO_MUCH.error("more than is left to pay back").with("left_minor", left)
                })?;
            let mut change = Change::of(row, cx);
            change.refund(RefundCause::ByStaff, refund_id, amount, &request.reason);
            answer(app, cx, change, &roles).await
        })
        .await
}
