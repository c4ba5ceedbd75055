//! Audit of the invariants of coupons.
//!
//! Rows change meanwhile. A contradiction between a coupon and a reservation is reported only when the row that was read
//! first is unchanged after the other one was read.

use pulse_contract::stock::v1::StockClient;
use pulse_kernel::id::{CouponId, OrderId};
use pulse_kernel::{Cx, Error, Verified};
use pulse_store::{Commit, Store, StoreError};
use pulse_work::{Audit, Pages, read_stable};

use crate::domain::coupon::State;
use crate::domain::reservation::ReservationState;
use crate::domain::template::TemplateId;
use crate::store::coupons::{self, CouponRow};
use crate::store::reservations::{self, ReservationRow};
use crate::store::{purchase_slots, templates};
use crate::verify_quotas::{COUPON_HAS_UNIT, verify_quotas};
use crate::verify_refunds::{REFUNDS_END_COUPONS, verify_refunds};

/// Maximum number of rows that are read at once.
pub(crate) const PAGE: i64 = 500;

/// A coupon that an order has reserved or used is named by the reservation of that order.
const COUPON_HAS_RESERVATION: &str = "marketing.coupon_has_reservation";
/// The coupons of a live reservation belong to its order; so no coupon is in two live reservations.
const RESERVATION_HAS_COUPONS: &str = "marketing.reservation_has_coupons";
/// An order that buys vouchers has a slot for each of them in the limit of its customer, and no other order has one.
const RESERVATION_HAS_SLOTS: &str = "marketing.reservation_has_slots";
/// No customer has more coupons of a template than its limit. The quota of a template is audited in
/// [`crate::verify_quotas`], because it can be replenished.
const CUSTOMER_LIMITS: &str = "marketing.customer_limits";

/// Checks the invariants of the context. With `repair`, a reserved coupon without a reservation becomes active.
///
/// # Errors
/// `STORE_UNAVAILABLE`; those of the stock context when it does not answer.
pub async fn verify(store: &Store, stock: &StockClient, repair: bool) -> Result<Verified, Error> {
    let invariants = [
        COUPON_HAS_RESERVATION,
        RESERVATION_HAS_COUPONS,
        RESERVATION_HAS_SLOTS,
        CUSTOMER_LIMITS,
        COUPON_HAS_UNIT,
        REFUNDS_END_COUPONS,
    ];
    let mut audit = Audit::new(&invariants, repair);
    verify_coupons(store, &mut audit).await?;
    verify_reservations(store, &mut audit).await?;
    verify_templates(store, &mut audit).await?;
    verify_quotas(store, stock, &mut audit).await?;
    verify_refunds(store, &mut audit).await?;
    Ok(audit.finish())
}

async fn verify_coupons(store: &Store, audit: &mut Audit) -> Result<(), Error> {
    let mut pages = Pages::after(CouponId::new(0));
    while let Some(rows) = pages.next(|after| coupons::page(store, after, PAGE), |row| row.id).await? {
        let mut orders: Vec<OrderId> = rows.iter().filter(|row| row.order.get() != 0).map(|row| row.order).collect();
        orders.sort_unstable();
        orders.dedup();
        let known = reservations::by_orders(store, &orders).await?;
        for row in rows {
            let reservation = known.iter().find(|reservation| reservation.order == row.order);
            if !agrees(&row, reservation) {
                verify_coupon(store, row.id, audit).await?;
            }
        }
    }
    audit.checked(COUPON_HAS_RESERVATION, pages.row_count());
    Ok(())
}

async fn verify_coupon(store: &Store, id: CouponId, audit: &mut Audit) -> Result<(), Error> {
    let reservation_of = |row: CouponRow| reservations::by_order(store, row.order);
    let Some((row, reservation)) = read_stable(|| coupons::by_id(store, id), reservation_of).await? else {
        return Ok(());
    };
    if !agrees(&row, reservation.as_ref()) {
        let is_repaired = audit.is_repairing() && activate(store, &row).await?;
        let order = row.order.get();
        let detail = format!("the state is {:?} by order {order}, whose reservation does not name it", row.state);
        audit.found(COUPON_HAS_RESERVATION, format!("coupon {}", row.id.get()), detail, is_repaired);
    }
    Ok(())
}

/// Whether a coupon and the reservation of its order agree.
fn agrees(row: &CouponRow, reservation: Option<&ReservationRow>) -> bool {
    let is_named = |state| {
        reservation
            .is_some_and(|row_of| row_of.reservation.state == state && row_of.reservation.coupons.contains(&row.id))
    };
    match row.state {
        State::Active | State::Revoked => row.order.get() == 0,
        State::Reserved => is_named(ReservationState::Reserved),
        State::Used => is_named(ReservationState::Redeemed),
    }
}

/// Makes a reserved coupon active. `false` for a used coupon, whose value may have been redeemed, and for one that was
/// changed meanwhile.
async fn activate(store: &Store, row: &CouponRow) -> Result<bool, Error> {
    if row.state == State::Used {
        return Ok(false);
    }
    let cx = Cx::system("marketing.verify", store.clock().now());
    let commit = coupons::change(Commit::new(), row, State::Active, OrderId::new(0));
    match store.commit(&cx, commit).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn verify_reservations(store: &Store, audit: &mut Audit) -> Result<(), Error> {
    let mut pages = Pages::after(OrderId::new(0));
    while let Some(rows) = pages.next(|after| reservations::page(store, after, PAGE), |row| row.order).await? {
        for row in rows {
            if row.vouchers.is_some() {
                audit.checked(RESERVATION_HAS_SLOTS, 1_u64);
                verify_slots(store, row.order, audit).await?;
            }
            if !lacking(store, &row).await?.is_empty() {
                verify_reserved_coupons(store, row.order, audit).await?;
            }
        }
    }
    audit.checked(RESERVATION_HAS_COUPONS, pages.row_count());
    Ok(())
}

async fn verify_slots(store: &Store, order: OrderId, audit: &mut Audit) -> Result<(), Error> {
    let count_of = |row: ReservationRow| purchase_slots::count_of(store, row.order);
    let Some((row, found)) = read_stable(|| reservations::by_order(store, order), count_of).await? else {
        return Ok(());
    };
    let is_live = row.reservation.state != ReservationState::Returned;
    let expected = row.vouchers.filter(|_| is_live).map_or(0, |vouchers| i64::from(vouchers.quantity));
    if found != expected {
        let detail = format!("it has {found} slots in the limit of its customer instead of {expected}");
        audit.found(RESERVATION_HAS_SLOTS, format!("order {}", order.get()), detail, false);
    }
    Ok(())
}

async fn verify_reserved_coupons(store: &Store, order: OrderId, audit: &mut Audit) -> Result<(), Error> {
    let lacking_of = |row: ReservationRow| async move { lacking(store, &row).await };
    let Some((row, lacking)) = read_stable(|| reservations::by_order(store, order), lacking_of).await? else {
        return Ok(());
    };
    if !lacking.is_empty() {
        let ids: Vec<i64> = lacking.iter().map(|coupon| coupon.get()).collect();
        let detail =
            format!("the state is {:?}, but these coupons do not belong to it: {ids:?}", row.reservation.state);
        audit.found(RESERVATION_HAS_COUPONS, format!("order {}", order.get()), detail, false);
    }
    Ok(())
}

/// Returns the coupons that a live reservation names and that do not belong to its order.
async fn lacking(store: &Store, row: &ReservationRow) -> Result<Vec<CouponId>, StoreError> {
    let state = match row.reservation.state {
        ReservationState::Reserved => State::Reserved,
        ReservationState::Redeemed => State::Used,
        ReservationState::Returned => return Ok(Vec::new()),
    };
    let rows = coupons::by_ids(store, &row.reservation.coupons).await?;
    let has = |id: &CouponId| {
        rows.iter().any(|coupon| coupon.id == *id && coupon.state == state && coupon.order == row.order)
    };
    Ok(row.reservation.coupons.iter().copied().filter(|id| !has(id)).collect())
}

async fn verify_templates(store: &Store, audit: &mut Audit) -> Result<(), Error> {
    let mut pages = Pages::after(TemplateId::new(0));
    while let Some(rows) = pages.next(|after| templates::page(store, after, PAGE), |row| row.id).await? {
        for row in rows {
            let limit = i64::from(row.draft.per_customer_limit);
            let issued = coupons::count_beyond(store, row.id, limit).await?;
            let bought = purchase_slots::count_beyond(store, row.id, limit).await?;
            if issued + bought > 0 {
                let detail =
                    format!("{issued} coupons issued and {bought} bought above the limit of {limit} per customer");
                audit.found(CUSTOMER_LIMITS, format!("template {}", row.id.get()), detail, false);
            }
        }
    }
    audit.checked(CUSTOMER_LIMITS, pages.row_count());
    Ok(())
}
