//! What an order holds with others: units in stock and coupons. Every call is idempotent by the id of the order.

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
use crate::store::orders::OrderRow;

/// How long a reservation outlives the time to pay: so long may a payment be under way.
pub(super) const GRACE: Duration = Duration::from_secs(10 * 60);
/// How long a reservation waits to be taken for good when nobody has to pay first.
const SECURE_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the event of a payment may take until it has taken the places of vouchers for good.
const TAKEN_WITHIN: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Who asks.
pub(super) const WHO: &str = "order.hold";

/// What is asked of others before an order is placed.
pub(super) struct Wanted {
    /// None when its units are asked for later.
    pub(super) stock: Option<ReserveRequest>,
    pub(super) coupons: CouponsWanted,
}

/// What an order wants of coupons.
pub(super) enum CouponsWanted {
    Nothing,
    /// To use some.
    Used(ReserveCouponsRequest),
    /// To buy some.
    Bought(ReserveVoucherSlotsRequest),
}

impl CouponsWanted {
    /// Whether anything is to be held.
    pub(super) fn is_any(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// Whether an order may hold coupons, or places for those that it buys.
pub(super) fn has_coupons(row: &OrderRow) -> bool {
    !row.stored.coupon_ids.is_empty() || row.stored.order.as_ref().is_some_and(takes_places)
}

/// Whether an order takes places in the limit per customer of the voucher that it buys. A sale has a limit of its own.
fn takes_places(order: &Order) -> bool {
    order.kind() == OrderKind::VirtualVoucher && order.sale_id == 0
}

/// What others said; a refusal is an answer.
pub(super) struct Held {
    pub(super) stock: Option<Reservation>,
    pub(super) coupons: Result<CouponDiscounts, Error>,
}

impl Held {
    /// Whether everything is held.
    pub(super) fn is_whole(&self) -> bool {
        let is_worth = |worth: &CouponDiscounts| worth.discounts.iter().all(|discount| discount.code.is_empty());
        self.stock.as_ref().is_none_or(is_held) && self.coupons.as_ref().is_ok_and(is_worth)
    }
}

/// The units of an order: those of its sale, of the voucher that it buys, or of its variants.
pub(super) fn units(order: &Order) -> Vec<ReservationLine> {
    let of = |line: &OrderLine| match order.kind() {
        _ if order.sale_id != 0 => (ResourceKind::Sale, order.sale_id),
        OrderKind::VirtualVoucher => (ResourceKind::Coupon, line.product_id),
        OrderKind::Unspecified | OrderKind::Goods => (ResourceKind::Sku, line.variant_id),
    };
    order.lines.iter().map(|line| unit(of(line), line.quantity)).collect()
}

fn unit((kind, id): (ResourceKind, i64), quantity: i32) -> ReservationLine {
    ReservationLine { resource: Some(ResourceRef { kind: kind.into(), id }), quantity: quantity.into() }
}

/// The reservation of an order.
pub(super) fn key(id: i64) -> ReservationKey {
    ReservationKey { owner: ReservationOwner::Order.into(), id }
}

fn is_held(reservation: &Reservation) -> bool {
    reservation.state() == ReservationState::Active
}

/// Until when what is held waits for an order that has to be paid until then; one that has not waits to be taken for good.
pub(super) fn held_until(pay_until: Option<Timestamp>, now: Timestamp) -> Timestamp {
    pay_until.map_or_else(|| now.plus(SECURE_WITHIN), |at| at.plus(GRACE))
}

/// What to ask of stock for an order.
pub(super) fn reservation(order: &Order, held_until: Timestamp) -> ReserveRequest {
    ReserveRequest {
        key: Some(key(order.order_id)),
        lines: units(order),
        expires_at: Some(held_until.into()),
        // Cash comes when everything is made: what is taken at payment is taken now.
        is_payment: view::is_cash(order),
    }
}

/// Asks for everything at once. What cannot be had whole is given back before this says so.
///
/// # Errors
/// Those of stock and coupons that are no refusal. What may be held then is given back as far as possible; what is not
/// expires.
pub(super) async fn hold(app: &App, cx: &Cx, order_id: i64, wanted: Wanted) -> Result<Held, Error> {
    let (asking, has_coupons) = (cx.as_system(WHO), wanted.coupons.is_any());
    let coupons = async {
        match wanted.coupons {
            CouponsWanted::Used(request) => app.deps.coupons.reserve_coupons(&asking, request).await,
            CouponsWanted::Bought(request) => {
                app.deps.coupons.reserve_voucher_slots(&asking, request).await.map(|_| CouponDiscounts::default())
            }
            CouponsWanted::Nothing => Ok(CouponDiscounts::default()),
        }
    };
    let stock = async {
        match wanted.stock {
            Some(request) => app.deps.stock.reserve(&asking, request).await.map(Some),
            None => Ok(None),
        }
    };
    let (stock, coupons) = join(stock, coupons).await;
    // Without an answer nobody knows what is held.
    let is_stock_held = stock.as_ref().map_or_else(is_unknown, |held| held.as_ref().is_some_and(is_held));
    let is_coupon_held = has_coupons && coupons.as_ref().map_or_else(is_unknown, |_| true);
    let refused = coupons.as_ref().err().is_some_and(|error| !is_unknown(error));
    let held = match (stock, coupons) {
        (Ok(stock), Ok(worth)) => Ok(Held { stock, coupons: Ok(worth) }),
        (Ok(stock), Err(error)) if refused => Ok(Held { stock, coupons: Err(error) }),
        (Ok(_), Err(error)) | (Err(error), _) => Err(error),
    };
    if !held.as_ref().is_ok_and(Held::is_whole) {
        give_back(app, cx, order_id, Parts { units: is_stock_held, coupons: is_coupon_held }).await;
    }
    held
}

/// Whether an error leaves open what was done. A stock that is too busy to begin has done nothing, and is not to be made
/// busier.
fn is_unknown(error: &Error) -> bool {
    error.code() != STOCK_BUSY.code
        && matches!(error.kind(), Kind::Unavailable | Kind::DeadlineExceeded | Kind::Internal | Kind::Aborted)
}

/// Which parts of an order were held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) units: bool,
    pub(super) coupons: bool,
}

/// Gives back what was held for the order, as far as possible; what is not given back expires.
pub(super) async fn give_back(app: &App, cx: &Cx, order_id: i64, held: Parts) {
    join(
        async {
            if held.units {
                give_back_units(app, cx, order_id).await
            }
        },
        async {
            if held.coupons {
                give_back_coupons(app, cx, order_id).await
            }
        },
    )
    .await;
}

pub(super) async fn give_back_units(app: &App, cx: &Cx, order_id: i64) {
    if let Err(error) = release(app, cx, order_id).await {
        tracing::warn!(order = order_id, %error, "units of an order that was not placed stay reserved until they expire");
    }
}

async fn give_back_coupons(app: &App, cx: &Cx, order_id: i64) {
    if let Err(error) = return_coupons(app, cx, order_id).await {
        tracing::warn!(order = order_id, %error, "coupons of an order that was not placed stay held until they expire");
    }
}

/// Gives a reservation back.
pub(super) async fn release(app: &App, cx: &Cx, reservation: i64) -> Result<(), Error> {
    let request = ReleaseReservationRequest { key: Some(key(reservation)) };
    app.deps.stock.release_reservation(&cx.as_system(WHO), request).await.map(|_| ())
}

/// Gives the coupons of an order back.
pub(super) async fn return_coupons(app: &App, cx: &Cx, order_id: i64) -> Result<(), Error> {
    app.deps.coupons.return_coupons(&cx.as_system(WHO), ReturnCouponsRequest { order_id }).await.map(|_| ())
}

/// Takes everything that the order holds for good, under the reservation with this id, and what it does not hold any more
/// anew. Says whether the order has everything; otherwise it has nothing.
///
/// # Errors
/// Those of stock and coupons that are no refusal; to be repeated.
pub(super) async fn take(app: &App, cx: &Cx, row: &OrderRow, reservation: i64) -> Result<bool, Error> {
    let asking = cx.as_system(WHO);
    let order = row.stored.order.as_ref();
    let lines = order.map(units).unwrap_or_default();
    let request = ConfirmReservationRequest { key: Some(key(reservation)), lines };
    let confirmed = app.deps.stock.confirm_reservation(&asking, request).await?;
    if confirmed.state() != ReservationState::Confirmed {
        return Ok(false);
    }
    if take_coupons(app, &asking, row).await? {
        return Ok(true);
    }
    release(app, cx, reservation).await?;
    Ok(false)
}

async fn take_coupons(app: &App, asking: &Cx, row: &OrderRow) -> Result<bool, Error> {
    let until = asking.now.plus(TAKEN_WITHIN);
    if let Some(request) = row.stored.order.as_ref().and_then(|order| vouchers(order, until)) {
        // The event of the payment takes the places for good.
        return match app.deps.coupons.reserve_voucher_slots(asking, request).await {
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
    Ok(app.deps.coupons.redeem_coupons(asking, request).await?.lost_coupon_ids.is_empty())
}

/// What to ask for the vouchers that an order buys, when it does.
pub(super) fn vouchers(order: &Order, until: Timestamp) -> Option<ReserveVoucherSlotsRequest> {
    let line = order.lines.first().filter(|_| takes_places(order))?;
    Some(ReserveVoucherSlotsRequest {
        order_id: order.order_id,
        account_id: order.customer_account_id,
        template_id: line.product_id,
        quantity: line.quantity,
        expires_at: Some(until.into()),
    })
}

/// Lets go of everything that an order may have.
pub(super) async fn let_go(app: &App, cx: &Cx, id: OrderId, has_coupons: bool) -> Result<(), Error> {
    release(app, cx, id.get()).await?;
    if has_coupons {
        return_coupons(app, cx, id.get()).await?;
    }
    Ok(())
}
