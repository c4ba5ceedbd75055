//! Moves that people make: cancel, accept, hand over, complete.

use pulse_contract::order::v1::{
    AcceptOrderRequest, CancelOrderRequest, CancelReason, CompleteOrderRequest, HandOverOrderRequest, Order,
    OrderState, RefundCause,
};
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error, Role as CallerRole};

use super::get_order::visible;
use super::transition::{RequestedRefund, Transition};
use super::{App, load, not_found, view};
use crate::domain::ids::RefundId;
use crate::domain::machine::{Move, Role};
use crate::domain::refund;
use crate::store::orders::OrderRow;

pub(crate) async fn cancel_order(app: &App, cx: &Cx, request: CancelOrderRequest) -> Result<Order, Error> {
    let (id, store) = (OrderId::new(request.order_id), &app.deps.store);
    store
        .attempt(cx, || async {
            let (row, roles) = visible(app, cx, id).await?;
            let mut order = Transition::of(row, cx);
            let (_, role) = order.apply(cx, Move::Cancel, &roles, &request.reason)?;
            let refund = RefundId::new(store.next_id(cx.now));
            cancel(&mut order, &Cancellation { reason: reason_of(role), refund, text: &request.reason });
            commit(app, cx, order, &roles).await
        })
        .await
}

fn reason_of(role: Role) -> CancelReason {
    match role {
        Role::Customer => CancelReason::ByCustomer,
        Role::Shop => CancelReason::ByShop,
        Role::Operator | Role::Kitchen | Role::Courier | Role::System => CancelReason::ByOperator,
    }
}

/// A cancellation and the refund that it may require.
pub(super) struct Cancellation<'a> {
    pub(super) reason: CancelReason,
    /// ID of the refund, if one is required.
    pub(super) refund: RefundId,
    /// Reason in words.
    pub(super) text: &'a str,
}

/// Emits that the order was cancelled, and requests the refund of everything that was paid and is not refunded yet.
pub(super) fn cancel(order: &mut Transition, cancellation: &Cancellation<'_>) {
    order.emit_cancelled(cancellation.reason);
    let (paid, refunds) = (view::paid_minor(&order.row), view::refunds(&order.row));
    if let Ok(amount_minor) = refund::refundable(paid, &refunds, 0) {
        let (id, cause) = (cancellation.refund, RefundCause::Cancelled);
        order.request_refund(&RequestedRefund { id, cause, amount_minor, reason: cancellation.text });
    }
}

/// An order as staff of a shop address it.
#[derive(Clone, Copy)]
pub(super) struct ShopOrder {
    pub(super) shop: ShopId,
    pub(super) order: OrderId,
}

pub(crate) async fn accept_order(app: &App, cx: &Cx, request: AcceptOrderRequest) -> Result<Order, Error> {
    let target = ShopOrder { shop: ShopId::new(request.shop_id), order: OrderId::new(request.order_id) };
    move_at_shop(app, cx, target, Move::Accept).await
}

pub(crate) async fn hand_over_order(app: &App, cx: &Cx, request: HandOverOrderRequest) -> Result<Order, Error> {
    let target = ShopOrder { shop: ShopId::new(request.shop_id), order: OrderId::new(request.order_id) };
    move_at_shop(app, cx, target, Move::HandOver).await
}

async fn move_at_shop(app: &App, cx: &Cx, target: ShopOrder, mv: Move) -> Result<Order, Error> {
    app.deps
        .store
        .attempt(cx, || async {
            let (row, roles) = at_shop(app, cx, target).await?;
            let mut order = Transition::of(row, cx);
            order.apply(cx, mv, &roles, "")?;
            order.emit_moved();
            commit(app, cx, order, &roles).await
        })
        .await
}

/// Loads an order of this shop for its staff or an operator, with the roles of the caller.
pub(super) async fn at_shop(app: &App, cx: &Cx, target: ShopOrder) -> Result<(OrderRow, Vec<Role>), Error> {
    let (row, roles) = visible(app, cx, target.order).await?;
    let is_staff = roles.contains(&Role::Shop) || roles.contains(&Role::Operator);
    if row.shop != target.shop || !is_staff {
        return Err(not_found(row.id));
    }
    Ok((row, roles))
}

pub(crate) async fn complete_order(app: &App, cx: &Cx, request: CompleteOrderRequest) -> Result<Order, Error> {
    let id = OrderId::new(request.order_id);
    app.deps
        .store
        .attempt(cx, || async {
            let (row, roles) = completable(app, cx, id).await?;
            let mut order = Transition::of(row, cx);
            order.apply(cx, Move::Complete, &roles, "")?;
            order.emit_moved();
            commit(app, cx, order, &roles).await
        })
        .await
}

/// Loads an order that the caller may see; while it is delivered, couriers may see it too.
async fn completable(app: &App, cx: &Cx, id: OrderId) -> Result<(OrderRow, Vec<Role>), Error> {
    let row = load(app, id).await?;
    let mut roles = view::roles(cx, &row);
    if row.state == OrderState::Delivering && cx.actor.has_role(CallerRole::Courier) {
        roles.push(Role::Courier);
    }
    if roles.is_empty() { Err(not_found(id)) } else { Ok((row, roles)) }
}

/// Commits a change with the order as the answer.
pub(super) async fn commit(app: &App, cx: &Cx, order: Transition, roles: &[Role]) -> Result<Order, Error> {
    let (row, commit) = order.finish();
    let answer = view::order(&row, roles);
    app.deps.store.commit(cx, commit.answer(cx, &answer)).await?;
    Ok(answer)
}
