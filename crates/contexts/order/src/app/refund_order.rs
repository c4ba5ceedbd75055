//! Refunds the payment of an order, in full or in part.

use pulse_contract::marketing::v1::RevokeBoughtCouponsRequest;
use pulse_contract::order::v1::{CancelReason, Order, OrderState, RefundCause, RefundOrderRequest, errors};
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error};

use super::move_order::{ShopOrder, at_shop, commit};
use super::transition::{RequestedRefund, Transition};
use super::{App, on_behalf, view};
use crate::config::FullRefund;
use crate::domain::ids::RefundId;
use crate::domain::machine::{Move, Role};
use crate::domain::{refund, voucher_refund};
use crate::store::orders::OrderRow;

/// Reason of the cancellation of an order that is refunded in full.
const REFUNDED: &str = "refunded in full";

pub(crate) async fn refund_order(app: &App, cx: &Cx, request: RefundOrderRequest) -> Result<Order, Error> {
    let id = RefundId::new(app.deps.store.next_id(cx.now));
    let target = ShopOrder { shop: ShopId::new(request.shop_id), order: OrderId::new(request.order_id) };
    app.deps
        .store
        .attempt(cx, || async {
            let (row, roles) = at_shop(app, cx, target).await?;
            let amount_minor = amount(app, cx, &row, request.amount_minor).await?;
            let mut order = Transition::of(row, cx);
            let (cause, reason) = (RefundCause::ByStaff, request.reason.as_str());
            order.request_refund(&RequestedRefund { id, cause, amount_minor, reason });
            conclude(app, cx, &mut order, &roles)?;
            commit(app, cx, order, &roles).await
        })
        .await
}

/// Amount to refund. The vouchers that it pays back are revoked before the refund is committed, so that they cannot be
/// spent meanwhile.
async fn amount(app: &App, cx: &Cx, row: &OrderRow, requested_minor: i64) -> Result<i64, Error> {
    let (paid_minor, refunds) = (view::paid_minor(row), view::refunds(row));
    let amount_minor = refund::refundable(paid_minor, &refunds, requested_minor)
        .map_err(|left_minor| too_much(requested_minor, left_minor))?;
    let bought = view::voucher_quantity(row);
    if bought == 0 {
        return Ok(amount_minor);
    }
    let refunded_minor = refund::refunded_minor(&refunds);
    let wanted = voucher_refund::quantity_for(paid_minor, bought, refunded_minor + amount_minor);
    let request = RevokeBoughtCouponsRequest {
        order_id: row.id.get(),
        bought_quantity: i32::try_from(bought).unwrap_or(i32::MAX),
        revoked_quantity: i32::try_from(wanted).unwrap_or(i32::MAX),
        is_fewer_allowed: requested_minor == 0,
    };
    let cx = on_behalf(cx).as_system("order.refund");
    let revoked = app.deps.coupons.revoke_bought_coupons(&cx, request).await?;
    let value_minor = |quantity: i32| voucher_refund::value_minor(paid_minor, bought, quantity.into()) - refunded_minor;
    let unused_minor = value_minor(revoked.revoked_quantity).min(amount_minor);
    match requested_minor {
        0 if unused_minor > 0 => Ok(unused_minor),
        requested if requested > 0 && unused_minor == requested => Ok(requested),
        _ => Err(vouchers_used(requested_minor, value_minor(revoked.revocable_quantity).max(0))),
    }
}

/// Ends a change of the refunds of an order: an order that is refunded in full before it is ready is cancelled, if the
/// configuration says so.
pub(super) fn conclude(app: &App, cx: &Cx, order: &mut Transition, roles: &[Role]) -> Result<(), Error> {
    let paid_minor = view::paid_minor(&order.row);
    let is_refunded = paid_minor > 0 && refund::refunded_minor(&view::refunds(&order.row)) >= paid_minor;
    let is_unready = matches!(order.row.state, OrderState::Confirmed | OrderState::Preparing);
    if is_refunded && is_unready && app.deps.config.full_refund == FullRefund::Cancel {
        let (_, role) = order.apply(cx, Move::Cancel, roles, REFUNDED)?;
        let is_shop = role == Role::Shop;
        order.emit_cancelled(if is_shop { CancelReason::ByShop } else { CancelReason::ByOperator });
    } else {
        order.emit_refunded();
    }
    Ok(())
}

fn too_much(requested_minor: i64, left_minor: i64) -> Error {
    errors::ORDER_REFUND_TOO_MUCH
        .error(format!("amount_minor must be at most {left_minor}, which is not refunded yet, got {requested_minor}"))
        .with("left_minor", left_minor)
}

fn vouchers_used(requested_minor: i64, left_minor: i64) -> Error {
    let detail = match requested_minor {
        0 => "all vouchers of the order are used, reserved for another order, or refunded".to_owned(),
        _ => format!("the unused vouchers of the order are worth {left_minor}, got amount_minor {requested_minor}"),
    };
    errors::ORDER_VOUCHERS_USED.error(detail).with("left_minor", left_minor)
}
