//! Reservations of an order in other contexts: stock, coupons and voucher slots. All calls are idempotent by the ID of the
//! order.

use std::time::Duration;

use futures::future::join;
use pulse_contract::marketing::v1::errors::MARKETING_CUSTOMER_LIMIT;
use pulse_contract::marketing::v1::{
    CouponDiscounts, RedeemCouponsRequest, ReserveCouponsRequest, ReserveVoucherSlotsRequest, ReturnCouponsRequest,
};
use pulse_contract::order::v1::{Order, OrderKind, OrderLine};
use pulse_contract::stock::v1::errors::STOCK_BUSY;
use pulse_contract::stock::v1::{
    ConfirmReservationRequest, ReleaseReservationRequest, Reservation, ReservationKey, ReservationLine,
    ReservationOwner, ReservationState, ReserveRequest, ResourceKind, ResourceRef,
};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error, Kind, Timestamp};

use super::{App, view};
use crate::domain::ids::ReservationId;
use crate::store::orders::OrderRow;

/// Time by which reservations outlive the payment time of an order, because a payment may still be in progress then.
pub(super) const GRACE: Duration = Duration::from_secs(10 * 60);
/// Lifetime of the reservations of an order that needs no online payment; an event confirms them.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);
/// Lifetime of the voucher slots of a paid order; the event of the payment makes them permanent.
const SLOTS_CONFIRMED_WITHIN: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// System actor of the calls to other contexts.
pub(super) const ACTOR: &str = "order.reservations";

/// What an order needs before it is placed.
pub(super) struct ReservationPlan {
    pub(super) order: OrderId,
    /// `None` if the stock is reserved later.
    pub(super) stock: Option<ReserveRequest>,
    pub(super) coupons: CouponPlan,
}

/// What an order needs from the marketing context.
pub(super) enum CouponPlan {
    None,
    /// The order uses coupons.
    Coupons(ReserveCouponsRequest),
    /// The order buys vouchers, which count towards the limit per customer.
    VoucherSlots(ReserveVoucherSlotsRequest),
}

impl ReservationPlan {
    /// The parts that are reserved if every call succeeds.
    pub(super) fn parts(&self) -> ReservedParts {
        ReservedParts { stock: self.stock.is_some(), coupons: !matches!(self.coupons, CouponPlan::None) }
    }
}

/// Answers of the other contexts. A refusal is an answer.
pub(super) struct Reserved {
    pub(super) stock: Option<Reservation>,
    pub(super) coupons: Result<CouponDiscounts, Error>,
}

impl Reserved {
    /// Whether everything is reserved.
    pub(super) fn is_complete(&self) -> bool {
        let is_usable =
            |discounts: &CouponDiscounts| discounts.discounts.iter().all(|discount| discount.code.is_empty());
        self.stock.as_ref().is_none_or(is_active) && self.coupons.as_ref().is_ok_and(is_usable)
    }
}

/// Parts of an order that are reserved, or may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReservedParts {
    pub(super) stock: bool,
    pub(super) coupons: bool,
}

/// Whether an order may have reservations in the marketing context.
pub(super) fn has_coupon_reservations(row: &OrderRow) -> bool {
    !row.stored.coupon_ids.is_empty() || row.stored.order.as_ref().is_some_and(needs_voucher_slots)
}

/// Whether an order counts towards the limit per customer of the voucher that it buys. A flash sale has its own limit.
fn needs_voucher_slots(order: &Order) -> bool {
    order.kind() == OrderKind::VirtualVoucher && order.sale_id == 0
}

/// The stock that an order needs: units of its sale, of the voucher that it buys, or of its variants.
pub(super) fn stock_lines(order: &Order) -> Vec<ReservationLine> {
    let resource = |line: &OrderLine| {
        let (kind, id) = match order.kind() {
            _ if order.sale_id != 0 => (ResourceKind::Sale, order.sale_id),
            OrderKind::VirtualVoucher => (ResourceKind::Coupon, line.product_id),
            OrderKind::Unspecified | OrderKind::Goods => (ResourceKind::Sku, line.variant_id),
        };
        ResourceRef { kind: kind.into(), id }
    };
    let line = |line| ReservationLine { resource: Some(resource(line)), quantity: line.quantity.into() };
    order.lines.iter().map(line).collect()
}

/// Key of a reservation in the stock context.
pub(super) fn key(id: ReservationId) -> ReservationKey {
    ReservationKey { owner: ReservationOwner::Order.into(), id: id.get() }
}

fn is_active(reservation: &Reservation) -> bool {
    reservation.state() == ReservationState::Active
}

/// Deadline of the reservations of an order with this payment deadline; `None` for an order without online payment.
pub(super) fn deadline(pay_until: Option<Timestamp>, now: Timestamp) -> Timestamp {
    pay_until.map_or_else(|| now.plus(CONFIRMED_WITHIN), |at| at.plus(GRACE))
}

/// Stock reservation of an order.
pub(super) fn stock_request(order: &Order, expires_at: Timestamp) -> ReserveRequest {
    ReserveRequest {
        key: Some(key(OrderId::new(order.order_id).into())),
        lines: stock_lines(order),
        expires_at: Some(expires_at.into()),
        // A cash order is prepared before it is paid, so variants that are deducted at payment are deducted now.
        is_payment: view::is_cash(order),
    }
}

/// Voucher slots for the order, if it needs any.
pub(super) fn slots_request(order: &Order, expires_at: Timestamp) -> Option<ReserveVoucherSlotsRequest> {
    let line = order.lines.first().filter(|_| needs_voucher_slots(order))?;
    Some(ReserveVoucherSlotsRequest {
        order_id: order.order_id,
        account_id: order.customer_account_id,
        template_id: line.product_id,
        quantity: line.quantity,
        expires_at: Some(expires_at.into()),
    })
}

/// Reserves everything at once. If a part is refused, the others are released before this returns.
///
/// # Errors
/// Errors of stock and coupons that are no refusal. Everything that may be reserved is released as far as possible;
/// the rest expires.
pub(super) async fn reserve_all(app: &App, cx: &Cx, plan: ReservationPlan) -> Result<Reserved, Error> {
    let (order, planned, system) = (plan.order, plan.parts(), cx.as_system(ACTOR));
    let coupons = async {
        match plan.coupons {
            CouponPlan::Coupons(request) => app.deps.coupons.reserve_coupons(&system, request).await,
            CouponPlan::VoucherSlots(request) => {
                app.deps.coupons.reserve_voucher_slots(&system, request).await.map(|_| CouponDiscounts::default())
            }
            CouponPlan::None => Ok(CouponDiscounts::default()),
        }
    };
    let stock = async {
        match plan.stock {
            Some(request) => app.deps.stock.reserve(&system, request).await.map(Some),
            None => Ok(None),
        }
    };
    let (stock, coupons) = join(stock, coupons).await;
    // After an unknown outcome, the part may be reserved.
    let parts = ReservedParts {
        stock: stock.as_ref().map_or_else(is_unknown, |stock| stock.as_ref().is_some_and(is_active)),
        coupons: planned.coupons && coupons.as_ref().map_or_else(is_unknown, |_| true),
    };
    let is_refusal = coupons.as_ref().err().is_some_and(|error| !is_unknown(error));
    let reserved = match (stock, coupons) {
        (Ok(stock), Ok(discounts)) => Ok(Reserved { stock, coupons: Ok(discounts) }),
        (Ok(stock), Err(error)) if is_refusal => Ok(Reserved { stock, coupons: Err(error) }),
        (Ok(_), Err(error)) | (Err(error), _) => Err(error),
    };
    if !reserved.as_ref().is_ok_and(Reserved::is_complete) {
        release_parts(app, cx, order, parts).await;
    }
    reserved
}

/// Whether an error leaves the outcome open. A busy stock has done nothing, and a release would add to its load.
fn is_unknown(error: &Error) -> bool {
    error.code() != STOCK_BUSY.code
        && matches!(error.kind(), Kind::Unavailable | Kind::DeadlineExceeded | Kind::Internal | Kind::Aborted)
}

/// Releases these parts of an order that was not placed. A part whose release fails expires.
pub(super) async fn release_parts(app: &App, cx: &Cx, order: OrderId, parts: ReservedParts) {
    let stock = async {
        if parts.stock {
            release_unplaced_stock(app, cx, order).await;
        }
    };
    let coupons = async {
        if parts.coupons
            && let Err(error) = return_coupons(app, cx, order).await
        {
            tracing::warn!(
                order.id = order.get(),
                report = error.report(),
                "coupons of an unplaced order could not be released; they expire"
            );
        }
    };
    join(stock, coupons).await;
}

/// Releases the stock of an order that was not placed. If that fails, the reservation expires.
pub(super) async fn release_unplaced_stock(app: &App, cx: &Cx, order: OrderId) {
    if let Err(error) = release_stock(app, cx, order.into()).await {
        tracing::warn!(
            order.id = order.get(),
            report = error.report(),
            "stock of an unplaced order could not be released; its reservation expires"
        );
    }
}

/// Releases a stock reservation, also a confirmed one.
pub(super) async fn release_stock(app: &App, cx: &Cx, reservation: ReservationId) -> Result<(), Error> {
    let request = ReleaseReservationRequest { key: Some(key(reservation)) };
    app.deps.stock.release_reservation(&cx.as_system(ACTOR), request).await.map(|_| ())
}

/// Returns the coupons and voucher slots of an order.
async fn return_coupons(app: &App, cx: &Cx, order: OrderId) -> Result<(), Error> {
    let request = ReturnCouponsRequest { order_id: order.get() };
    app.deps.coupons.return_coupons(&cx.as_system(ACTOR), request).await.map(|_| ())
}

/// Releases everything that an order may have reserved or confirmed.
///
/// # Errors
/// Errors of stock and coupons; to be repeated.
pub(super) async fn release_all(app: &App, cx: &Cx, row: &OrderRow) -> Result<(), Error> {
    release_stock(app, cx, row.id.into()).await?;
    if has_coupon_reservations(row) {
        return_coupons(app, cx, row.id).await?;
    }
    Ok(())
}

/// Confirms everything that the order needs: its stock under this reservation, which is reserved again if it expired, and
/// its coupons. Returns whether the order has everything; otherwise nothing stays confirmed.
///
/// # Errors
/// Errors of stock and coupons that are no refusal; to be repeated.
pub(super) async fn confirm_all(app: &App, cx: &Cx, row: &OrderRow, reservation: ReservationId) -> Result<bool, Error> {
    let system = cx.as_system(ACTOR);
    let lines = row.stored.order.as_ref().map(stock_lines).unwrap_or_default();
    let request = ConfirmReservationRequest { key: Some(key(reservation)), lines };
    let confirmed = app.deps.stock.confirm_reservation(&system, request).await?;
    if confirmed.state() != ReservationState::Confirmed {
        return Ok(false);
    }
    if confirm_coupons(app, &system, row).await? {
        return Ok(true);
    }
    release_stock(app, cx, reservation).await?;
    Ok(false)
}

async fn confirm_coupons(app: &App, system: &Cx, row: &OrderRow) -> Result<bool, Error> {
    let slots_until = system.now.plus(SLOTS_CONFIRMED_WITHIN);
    if let Some(request) = row.stored.order.as_ref().and_then(|order| slots_request(order, slots_until)) {
        return match app.deps.coupons.reserve_voucher_slots(system, request).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == MARKETING_CUSTOMER_LIMIT.code => Ok(false),
            Err(error) => Err(error),
        };
    }
    let coupon_ids = row.stored.coupon_ids.clone();
    if coupon_ids.is_empty() {
        return Ok(true);
    }
    let request = RedeemCouponsRequest { order_id: row.id.get(), coupon_ids };
    Ok(app.deps.coupons.redeem_coupons(system, request).await?.lost_coupon_ids.is_empty())
}
