//! Moves that people make: cancel, accept, hand over, complete.

use pulse_contract::order::v1::{
    AcceptOrderRequest, CancelOrderRequest, CancelReason, CompleteOrderRequest, HandOverOrderRequest, Order,
    OrderState, RefundCause,
};
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error, Role as Calling};

use super::change::Change;
use super::get_order::visible;
use super::{App, load, not_found, view};
use crate::domain::machine::{Move, Role};
use crate::domain::refund;
use crate::store::orders::OrderRow;

pub(crate) async fn cancel_order(app: &App, cx: &Cx, request: CancelOrderRequest) -> Result<Order, Error> {
    let id = OrderId::new(request.order_id);
    app.deps
        .store
        .attempt(cx, || async {
            let (row, roles) = visible(app, cx, id).await?;
            let mut change = Change::of(row, cx);
            let (_, role) = change.make(cx, Move::Cancel, &roles, &request.reason)?;
            cancel(&mut change, reason_of(role), refund_id(app, cx), &request.reason);
            answer(app, cx, change, &roles).await
        })
        .await
}

fn refund_id(app: &App, cx: &Cx) -> i64 {
    app.deps.store.next_id(cx.now)
}

fn reason_of(role: Role) -> CancelReason {
    match role {
        Role::Customer => CancelReason::ByCustomer,
        Role::Shop => CancelReason::ByShop,
        Role::Operator | Role::Kitchen | Role::Courier | Role::System => CancelReason::ByOperator,
    }
}

/// What follows from a cancellation: it is told, and what was paid and is not on its way back goes back.
pub(super) fn cancel(change: &mut Change, reason: CancelReason, refund_id: i64, words: &str) {
    change.tell_cancelled(reason);
    let (paid, refunds) = (view::paid_minor(&change.row), view::refunds(&change.row));
    if let Ok(left) = refund::refundable(paid, &refunds, 0) {
        change.refund(RefundCause::Cancelled, refund_id, left, words);
    }
}

pub(crate) async fn accept_order(app: &App, cx: &Cx, request: AcceptOrderRequest) -> Result<Order, Error> {
    move_at(app, cx, (request.shop_id, request.order_id), Move::Accept).await
}

pub(crate) async fn hand_over_order(app: &App, cx: &Cx, request: HandOverOrderRequest) -> Result<Order, Error> {
    move_at(app, cx, (request.shop_id, request.order_id), Move::HandOver).await
}

async fn move_at(app: &App, cx: &Cx, (shop, order): (i64, i64), mv: Move) -> Result<Order, Error> {
    app.deps
        .store
        .attempt(cx, || async {
            let (row, roles) = at_shop(app, cx, shop, order).await?;
            let mut change = Change::of(row, cx);
            change.make(cx, mv, &roles, "")?;
            change.tell_moved();
            answer(app, cx, change, &roles).await
        })
        .await
}

/// The order, when it is of this shop and the caller works there.
pub(super) async fn at_shop(app: &App, cx: &Cx, shop: i64, order: i64) -> Result<(OrderRow, Vec<Role>), Error> {
    let (row, roles) = visible(app, cx, OrderId::new(order)).await?;
    let is_staff = roles.contains(&Role::Shop) || roles.contains(&Role::Operator);
    if row.shop != ShopId::new(shop) || !is_staff {
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
            let mut change = Change::of(row, cx);
            change.make(cx, Move::Complete, &roles, "")?;
            change.tell_moved();
            answer(app, cx, change, &roles).await
        })
        .await
}

/// The order, for those who may know of it, and for couriers while it is on the way.
async fn completable(app: &App, cx: &Cx, id: OrderId) -> Result<(OrderRow, Vec<Role>), Error> {
    let row = load(app, id).await?;
    let mut roles = view::roles(cx, &row);
    if row.state == OrderState::Delivering && cx.actor.has_role(Calling::Courier) {
        roles.push(Role::Courier);
    }
    if roles.is_empty() { Err(not_found(id)) } else { Ok((row, roles)) }
}

/// Commits a change with its answer.
pub(super) async fn answer(app: &App, cx: &Cx, change: Change, roles: &[Role]) -> Result<Order, Error> {
    let (row, commit) = change.end();
    let order = view::order(&row, roles);
    app.deps.store.commit(cx, commit.answer(cx, &order)).await?;
    Ok(order)
}
