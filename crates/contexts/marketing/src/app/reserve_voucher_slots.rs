//! Reserves slots in the limit per customer for the vouchers of an order, all or none, in one commit.
//!
//! The limit counts all purchases of a template: orders that are paid and orders that can still be paid. Two concurrent
//! orders read the same free slots, and only one of them can take them.

use pulse_contract::errors as common;
use pulse_contract::marketing::v1::{CouponDiscounts, ReserveVoucherSlotsRequest, ReserveVoucherSlotsResponse, errors};
use pulse_kernel::id::{AccountId, OrderId};
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, Timer};

use super::reserve_coupons::RESERVATION_EXPIRED;
use super::{App, templates as load, view};
use crate::domain::coupon::free_slot;
use crate::domain::reservation::{Reservation, ReservationState};
use crate::domain::template::TemplateId;
use crate::store::reservations::{self, ReservationRow, Vouchers};
use crate::store::{purchase_slots, templates};

/// Requested reservation.
struct Request {
    order: OrderId,
    account: AccountId,
    vouchers: Vouchers,
    expires_at: Timestamp,
}

pub(crate) async fn reserve_voucher_slots(
    app: &App,
    cx: &Cx,
    request: ReserveVoucherSlotsRequest,
) -> Result<ReserveVoucherSlotsResponse, Error> {
    let request = Request {
        order: OrderId::new(request.order_id),
        account: AccountId::new(request.account_id),
        vouchers: Vouchers { template: TemplateId::new(request.template_id), quantity: request.quantity },
        expires_at: view::instant(request.expires_at),
    };
    app.deps.store.attempt(cx, || reserve(app, cx, &request)).await
}

async fn reserve(app: &App, cx: &Cx, request: &Request) -> Result<ReserveVoucherSlotsResponse, Error> {
    let store = &app.deps.store;
    let Vouchers { template, quantity } = request.vouchers;
    let row = templates::by_id(store, template).await?.ok_or_else(|| load::not_found(template))?;
    let limit = view::rules(&row).per_customer_limit;
    // Read before the reservation, so that slots of a concurrent request of the same order are not counted twice.
    let taken = purchase_slots::taken(store, template, request.account).await?;
    let left = |taken: usize| {
        let taken = i64::try_from(taken).unwrap_or(i64::MAX);
        i32::try_from(limit.saturating_sub(taken).max(0)).unwrap_or(i32::MAX)
    };
    let before = reservations::by_order(store, request.order).await?;
    let (commit, left_quantity) = match before {
        Some(before) => {
            let taken = purchase_slots::taken(store, template, request.account).await?;
            (extend(before, request)?, left(taken.len()))
        }
        None => {
            let slots = free(limit, &taken, request).ok_or_else(|| {
                errors::MARKETING_CUSTOMER_LIMIT
                    .error(format!(
                        "a customer can have at most {limit} coupons of this template; left: {}",
                        left(taken.len())
                    ))
                    .with("template_id", template.get())
                    .with("per_customer_limit", limit)
                    .with("left", left(taken.len()))
            })?;
            let commit = purchase_slots::take(
                reservations::put(Commit::new(), &new(request)),
                (template, request.account),
                &slots,
                request.order,
            );
            (commit.timer(expiry(request)), left(taken.len()).saturating_sub(quantity))
        }
    };
    let answer = ReserveVoucherSlotsResponse { left_quantity };
    store.commit(cx, commit.answer(cx, &answer)).await?;
    Ok(answer)
}

/// Free slots for the requested quantity. The order selects among the free slots, so that concurrent orders of one customer
/// rarely conflict.
fn free(limit: i64, taken: &[i64], request: &Request) -> Option<Vec<i64>> {
    let mut taken = taken.to_vec();
    let mut slots = Vec::new();
    for _ in 0..request.vouchers.quantity {
        let slot = free_slot(limit, &taken, request.order.get())?;
        taken.push(slot);
        slots.push(slot);
    }
    Some(slots)
}

fn new(request: &Request) -> ReservationRow {
    ReservationRow {
        order: request.order,
        reservation: Reservation {
            account: request.account,
            state: ReservationState::Reserved,
            coupons: Vec::new(),
            order_version: 0,
        },
        expires_at: request.expires_at,
        vouchers: Some(request.vouchers),
        discounts: CouponDiscounts::default(),
        version: 0,
    }
}

fn expiry(request: &Request) -> Timer {
    let (key, due_at) = (request.order.get(), request.expires_at);
    Timer { kind: RESERVATION_EXPIRED, key, due_at, payload: Default::default() }
}

/// Extends the reservation of an order that has one.
fn extend(before: ReservationRow, request: &Request) -> Result<Commit, Error> {
    let (order, is_same) = (request.order.get(), before.vouchers == Some(request.vouchers));
    if before.reservation.state == ReservationState::Returned {
        let refusal = errors::MARKETING_CUSTOMER_LIMIT
            .error("the slots of this order were released; it cannot reserve slots again");
        return Err(refusal.with("order_id", order));
    }
    if before.reservation.account != request.account || !is_same {
        return Err(common::IDEMPOTENCY_KEY_REUSED
            .error("the order reserves other coupons or vouchers")
            .with("order_id", order));
    }
    if before.reservation.state == ReservationState::Redeemed || request.expires_at <= before.expires_at {
        return Ok(Commit::new());
    }
    let row = ReservationRow { expires_at: request.expires_at, ..before };
    Ok(reservations::put(Commit::new(), &row).timer(expiry(request)))
}
