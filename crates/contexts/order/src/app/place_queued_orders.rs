//! Places queued orders: one call reserves the stock of a batch, one commit stores the results (TR-35 to TR-37).
//!
//! Orders that are not in state `PLACING` are skipped, so a batch can be repeated after any failure. A reservation that
//! was made before is found by the ID of its order. If an order was cancelled meanwhile, the stock context releases its
//! reservation, or refuses a new one, when it receives the event.

use pulse_contract::order::v1::{Order, OrderState, errors};
use pulse_contract::stock::v1::{Reservation, ReservationState, ReserveManyRequest};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Commit;

use super::activate::activate;
use super::transition::Transition;
use super::{App, reservations};
use crate::domain::machine::{Move, Role};
use crate::queued_placement::CONSUMER;
use crate::store::carts;
use crate::store::orders::{self, OrderRow};

/// Places the queued orders whose stock can be reserved, and cancels the others. Each order is decided separately.
///
/// # Errors
/// Errors of the store and of the stock context; the orders stay queued.
pub(crate) async fn place_queued_orders(app: &App, ids: &[OrderId]) -> Result<(), Error> {
    let store = &app.deps.store;
    let cx = Cx::system(CONSUMER, store.clock().now());
    store
        .attempt(&cx, || async {
            let mut rows = orders::by_ids(store, ids).await?;
            rows.retain(|row| row.state == OrderState::Placing);
            if rows.is_empty() {
                return Ok(());
            }
            // Earlier orders receive stock first.
            rows.sort_unstable_by_key(|row| row.id);
            let (due, late): (Vec<OrderRow>, Vec<OrderRow>) =
                rows.into_iter().partition(|row| place_until(row) > cx.now);
            let reserved = reserve(app, &cx, &due).await?;
            let mut commit = Commit::new();
            for row in late {
                commit = cancel(commit, &cx, row, errors::ORDER_PLACING_TIMED_OUT.code)?;
            }
            for (row, reservation) in due.into_iter().zip(&reserved) {
                if let (ReservationState::Refused, Some(order)) = (reservation.state(), &row.stored.order) {
                    app.hot_items.mark_out_of_stock(&reservations::stock_lines(order), cx.now);
                }
                commit = match outcome(reservation) {
                    Ok(()) => place(commit, &cx, row)?,
                    Err(code) => cancel(commit, &cx, row, code)?,
                };
            }
            Ok(store.commit(&cx, commit).await?)
        })
        .await?;
    ids.iter().for_each(|id| app.placements.notify(id));
    Ok(())
}

/// Placement deadline of a queued order.
pub(crate) fn place_until(row: &OrderRow) -> Timestamp {
    row.stored.place_until.map_or(Timestamp::EPOCH, Timestamp::from)
}

async fn reserve(app: &App, cx: &Cx, due: &[OrderRow]) -> Result<Vec<Reservation>, Error> {
    let Some(deadline) = due.iter().map(place_until).min() else { return Ok(Vec::new()) };
    let request = |order: &Order| {
        let pay_until = order.expires_at.map(Timestamp::from);
        reservations::stock_request(order, reservations::deadline(pay_until, cx.now))
    };
    let requests = due.iter().filter_map(|row| row.stored.order.as_ref()).map(request).collect();
    // The stock context drops the call after the first placement deadline.
    let system = Cx { deadline: deadline.min(cx.deadline), ..cx.as_system(reservations::ACTOR) };
    let request = ReserveManyRequest { reservations: requests };
    Ok(app.deps.stock.reserve_many(&system, request).await?.reservations)
}

/// Whether the stock of the order is reserved; otherwise the error code.
fn outcome(reservation: &Reservation) -> Result<(), &'static str> {
    match reservation.state() {
        ReservationState::Active | ReservationState::Confirmed => Ok(()),
        ReservationState::Expired => Err(errors::ORDER_PLACING_TIMED_OUT.code),
        ReservationState::Unspecified | ReservationState::Refused | ReservationState::Released => {
            Err(errors::ORDER_STOCK_SHORT.code)
        }
    }
}

/// The order is placed, as if it had been placed synchronously.
fn place(commit: Commit, cx: &Cx, row: OrderRow) -> Result<Commit, Error> {
    let mut order = Transition::within(commit, row, cx);
    order.apply(cx, Move::Place, &[Role::System], "")?;
    let expires_at = order.row.stored.order.as_ref().and_then(|order| order.expires_at);
    activate(&mut order, cx, expires_at.map_or(cx.now, Timestamp::from))?;
    let cart_version = order.row.stored.cart_version;
    if cart_version != 0 {
        order.with(|commit, row| commit.write(carts::delete_version(row.customer, row.shop, cart_version)));
    }
    Ok(order.finish().1)
}

/// The order is cancelled, because it could not be placed.
fn cancel(commit: Commit, cx: &Cx, row: OrderRow, code: &'static str) -> Result<Commit, Error> {
    let mut order = Transition::within(commit, row, cx);
    order.apply(cx, Move::Cancel, &[Role::System], "")?;
    order.emit_placement_failed(code);
    Ok(order.finish().1)
}
