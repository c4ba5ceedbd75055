//! Checks what the context promises by reading its tables, page by page.
//!
//! Others change the rows meanwhile. What looks wrong is therefore read again, and told only when a coupon (or a reservation)
//! that did not change stands beside a hold (or coupons) that it does not agree with.

use pulse_contract::stock::v1::StockClient;
use pulse_kernel::finding::FINDINGS_MAX;
use pulse_kernel::id::{CouponId, OrderId};
use pulse_kernel::{Cx, Error, Finding, Verified};
use pulse_store::{Commit, Store, StoreError};

use crate::domain::coupon::State;
use crate::domain::reservation::ReservationState;
use crate::domain::template::TemplateId;
use crate::store::coupons::{self, CouponRow};
use crate::store::reservations::{self, ReservationRow};
use crate::store::{purchase_slots, templates};
use crate::verify_quotas::verify_quotas;

/// How many rows are read at once.
pub(crate) const PAGE: i64 = 500;
/// How often what looks wrong is read again before it counts as moving, which is fine.
const READS_MAX: u32 = 5;

/// A coupon that an order holds or has used is named by the hold of that order.
const COUPON_HAS_RESERVATION: &str = "marketing.coupon_has_reservation";
/// The coupons of a hold say that its order has them; so no coupon is in two live holds.
const RESERVATION_HAS_COUPONS: &str = "marketing.reservation_has_coupons";
/// An order that buys vouchers has a place for each of them in the limit of its customer, and no other order has one.
const RESERVATION_HAS_SLOTS: &str = "marketing.reservation_has_slots";
/// No customer has got more coupons of a template than its limit. What its quota has given is stock's to say, see
/// [`crate::verify_quotas`]: a quota may be replenished.
const CUSTOMER_LIMITS: &str = "marketing.customer_limits";

/// Checks the invariants of the context, and puts right what can be: a coupon that nobody holds is active again.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub(crate) async fn verify(store: &Store, stock: &StockClient, repair: bool) -> Result<Verified, Error> {
    let mut verified = Verified::default();
    verify_coupons(store, repair, &mut verified).await?;
    verify_reservations(store, &mut verified).await?;
    verify_templates(store, &mut verified).await?;
    verify_quotas(store, stock, &mut verified).await?;
    Ok(verified)
}

async fn verify_coupons(store: &Store, repair: bool, verified: &mut Verified) -> Result<(), Error> {
    let (mut after, mut count) = (CouponId::new(0), 0);
    loop {
        let rows = coupons::page(store, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        count += u64::try_from(rows.len()).unwrap_or(0);
        let mut orders: Vec<OrderId> = rows.iter().filter(|row| row.order.get() != 0).map(|row| row.order).collect();
        orders.sort_unstable();
        orders.dedup();
        let known = reservations::by_orders(store, &orders).await?;
        for row in rows {
            let reservation = known.iter().find(|reservation| reservation.order == row.order);
            if agrees(&row, reservation) {
                continue;
            }
            if let Some(wrong) = still_wrong(store, row.id).await? {
                let is_repaired = repair && set_free(store, &wrong).await?;
                let detail =
                    format!("it is {:?} by order {}, whose hold does not say so", wrong.state, wrong.order.get());
                tell(verified, COUPON_HAS_RESERVATION, format!("coupon {}", wrong.id.get()), detail, is_repaired);
            }
        }
    }
    verified.checked.push((COUPON_HAS_RESERVATION, count));
    Ok(())
}

/// Whether a coupon and the hold of its order tell the same story.
fn agrees(row: &CouponRow, reservation: Option<&ReservationRow>) -> bool {
    let is_named = |state| {
        reservation
            .is_some_and(|row_of| row_of.reservation.state == state && row_of.reservation.coupons.contains(&row.id))
    };
    match row.state {
        State::Active => row.order.get() == 0,
        State::Reserved => is_named(ReservationState::Reserved),
        State::Used => is_named(ReservationState::Redeemed),
    }
}

/// The coupon, when it did not change while its hold was read and disagreed with it.
async fn still_wrong(store: &Store, id: CouponId) -> Result<Option<CouponRow>, StoreError> {
    for _ in 0..READS_MAX {
        let Some(before) = coupons::by_id(store, id).await? else { return Ok(None) };
        let reservation = reservations::by_order(store, before.order).await?;
        if agrees(&before, reservation.as_ref()) {
            return Ok(None);
        }
        if coupons::by_id(store, id).await?.is_some_and(|row| row == before) {
            return Ok(Some(before));
        }
    }
    Ok(None)
}

/// Makes a coupon active that nobody holds. A used one stays: giving it back could be giving it twice.
async fn set_free(store: &Store, row: &CouponRow) -> Result<bool, Error> {
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

async fn verify_reservations(store: &Store, verified: &mut Verified) -> Result<(), Error> {
    let (mut after, mut count, mut buying) = (OrderId::new(0), 0, 0);
    loop {
        let rows = reservations::page(store, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.order;
        count += u64::try_from(rows.len()).unwrap_or(0);
        for row in rows {
            if row.vouchers.is_some() {
                buying += 1;
                verify_places(store, row.order, verified).await?;
            }
            if lacking(store, &row).await?.is_empty() {
                continue;
            }
            if let Some((reservation, lacking)) = still_lacking(store, row.order).await? {
                let ids: Vec<i64> = lacking.iter().map(|coupon| coupon.get()).collect();
                let detail =
                    format!("it is {:?} and names coupons that are not its: {ids:?}", reservation.reservation.state);
                tell(verified, RESERVATION_HAS_COUPONS, format!("order {}", reservation.order.get()), detail, false);
            }
        }
    }
    verified.checked.extend([(RESERVATION_HAS_COUPONS, count), (RESERVATION_HAS_SLOTS, buying)]);
    Ok(())
}

/// Tells of a hold whose places are not as many as it says, and that did not change while they were counted.
async fn verify_places(store: &Store, order: OrderId, verified: &mut Verified) -> Result<(), Error> {
    for _ in 0..READS_MAX {
        let Some(before) = reservations::by_order(store, order).await? else { return Ok(()) };
        let is_live = before.reservation.state != ReservationState::Returned;
        let expected = before.vouchers.filter(|_| is_live).map_or(0, |vouchers| i64::from(vouchers.quantity));
        let found = purchase_slots::count_of(store, order).await?;
        if found == expected {
            return Ok(());
        }
        if reservations::by_order(store, order).await?.is_some_and(|row| row == before) {
            let detail = format!("it has {found} places in the limit of its customer instead of {expected}");
            tell(verified, RESERVATION_HAS_SLOTS, format!("order {}", order.get()), detail, false);
            return Ok(());
        }
    }
    Ok(())
}

/// The coupons that a live hold names and that do not say that its order has them.
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

/// The hold and what it lacks, when it did not change while its coupons were read.
async fn still_lacking(store: &Store, order: OrderId) -> Result<Option<(ReservationRow, Vec<CouponId>)>, StoreError> {
    for _ in 0..READS_MAX {
        let Some(before) = reservations::by_order(store, order).await? else { return Ok(None) };
        let lacking = lacking(store, &before).await?;
        if lacking.is_empty() {
            return Ok(None);
        }
        if reservations::by_order(store, order).await?.is_some_and(|row| row == before) {
            return Ok(Some((before, lacking)));
        }
    }
    Ok(None)
}

async fn verify_templates(store: &Store, verified: &mut Verified) -> Result<(), Error> {
    let (mut after, mut count) = (TemplateId::new(0), 0);
    loop {
        let rows = templates::page(store, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        count += u64::try_from(rows.len()).unwrap_or(0);
        for row in rows {
            let limit = i64::from(row.draft.per_customer_limit);
            let given = coupons::count_beyond(store, row.id, limit).await?;
            let bought = purchase_slots::count_beyond(store, row.id, limit).await?;
            if given + bought > 0 {
                let detail =
                    format!("{given} coupons were given and {bought} sold beyond the limit of {limit} per customer");
                tell(verified, CUSTOMER_LIMITS, format!("template {}", row.id.get()), detail, false);
            }
        }
    }
    verified.checked.push((CUSTOMER_LIMITS, count));
    Ok(())
}

pub(crate) fn tell(
    verified: &mut Verified,
    invariant: &'static str,
    subject: String,
    detail: String,
    is_repaired: bool,
) {
    let told = verified.findings.iter().filter(|finding| finding.invariant == invariant).count();
    if told < FINDINGS_MAX {
        verified.findings.push(Finding { invariant, subject, detail, is_repaired });
    }
}
