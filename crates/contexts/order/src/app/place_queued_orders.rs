//! Gives the orders of the hot lane their units: one reservation of many, one commit of many (TR-35 to TR-37).
//!
//! The state of an order is the sieve: only what is still being placed is looked at. So whatever broke off, the same orders
//! again end well: a reservation that was made before is found under the number of its order, and one that was cancelled
//! meanwhile gives its units back, or can get none any more, when stock hears of it.

use pulse_contract::order::v1::{Order, OrderState, errors};
use pulse_contract::stock::v1::{Reservation, ReservationState, ReserveManyRequest};
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Commit;

use super::begin::begin;
use super::change::Change;
use super::{App, hold};
use crate::domain::machine::{Move, Role};
use crate::queued_placement::CONSUMER;
use crate::store::carts;
use crate::store::orders::{self, OrderRow};

/// Places those of the orders that wait for it and can have their units; the others learn why not. Each for itself.
///
/// # Errors
/// Those of the store and of stock; what waits goes on waiting.
pub(crate) async fn place_queued_orders(app: &App, ids: &[i64]) -> Result<(), Error> {
    let store = &app.deps.store;
    let cx = Cx::system(CONSUMER, store.clock().now());
    store
        .attempt(&cx, || async {
            let mut rows = orders::by_ids(store, ids).await?;
            rows.retain(|row| row.state == OrderState::Placing);
            if rows.is_empty() {
                return Ok(());
            }
            // Who came first gets the units.
            rows.sort_unstable_by_key(|row| row.id);
            let (due, late): (Vec<OrderRow>, Vec<OrderRow>) =
                rows.into_iter().partition(|row| place_until(row) > cx.now);
            let reserved = reserve(app, &cx, &due).await?;
            let mut commit = Commit::new();
            for row in late {
                commit = refuse(commit, &cx, row, errors::ORDER_PLACING_TIMED_OUT.code)?;
            }
            for (row, reservation) in due.into_iter().zip(&reserved) {
                if let (ReservationState::Refused, Some(order)) = (reservation.state(), &row.stored.order) {
                    app.heat.found_short(&hold::units(order), cx.now);
                }
                commit = match judge(reservation) {
                    Ok(()) => place(commit, &cx, row)?,
                    Err(code) => refuse(commit, &cx, row, code)?,
                };
            }
            Ok(store.commit(&cx, commit).await?)
        })
        .await?;
    ids.iter().for_each(|id| app.placements.notify(id));
    Ok(())
}

/// Until when an order is placed, or not at all.
pub(crate) fn place_until(row: &OrderRow) -> Timestamp {
    row.stored.place_until.map_or(Timestamp::EPOCH, Timestamp::from)
}

async fn reserve(app: &App, cx: &Cx, due: &[OrderRow]) -> Result<Vec<Reservation>, Error> {
    let Some(deadline) = due.iter().map(place_until).min() else { return Ok(Vec::new()) };
    let request =
        |order: &Order| hold::reservation(order, hold::held_until(order.expires_at.map(Timestamp::from), cx.now));
    let reservations = due.iter().filter_map(|row| row.stored.order.as_ref()).map(request).collect();
    // Stock does not begin when nobody would wait for it any more.
    let asking = Cx { deadline: deadline.min(cx.deadline), ..cx.as_system(hold::WHO) };
    Ok(app.deps.stock.reserve_many(&asking, ReserveManyRequest { reservations }).await?.reservations)
}

/// Whether the order has its units; if not, why.
fn judge(reservation: &Reservation) -> Result<(), &'static str> {
    match reservation.state() {
        ReservationState::Active | ReservationState::Confirmed => Ok(()),
        ReservationState::Expired => Err(errors::ORDER_PLACING_TIMED_OUT.code),
        ReservationState::Unspecified | ReservationState::Refused | ReservationState::Released => {
            Err(errors::ORDER_STOCK_SHORT.code)
        }
    }
}

/// The order is placed, as if it had been at once.
fn place(commit: Commit, cx: &Cx, row: OrderRow) -> Result<Commit, Error> {
    let mut change = Change::within(commit, row, cx);
    change.make(cx, Move::Place, &[Role::System], "")?;
    let expires_at = change.row.stored.order.as_ref().and_then(|order| order.expires_at);
    begin(&mut change, cx, expires_at.map_or(cx.now, Timestamp::from))?;
    let cart_version = change.row.stored.cart_version;
    if cart_version != 0 {
        change.with(|commit, row| commit.write(carts::take_away_at((row.customer, row.shop), cart_version)));
    }
    Ok(change.end().1)
}

/// The order will not be; everybody hears it as of any order that is cancelled.
fn refuse(commit: Commit, cx: &Cx, row: OrderRow, code: &'static str) -> Result<Commit, Error> {
    let mut change = Change::within(commit, row, cx);
    change.make(cx, Move::Cancel, &[Role::System], "")?;
    change.tell_not_placed(code);
    Ok(change.end().1)
}
