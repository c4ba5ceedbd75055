//! Handlers of timers.

use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer, StoreError, TimerPump};

use crate::app::{self, App, PURGE, RESERVATION_EXPIRED, REVOCATION_EXPIRED};
use crate::domain::reservation::ReservationState;
use crate::store::reservations;

pub(crate) fn pump(app: &App) -> TimerPump {
    TimerPump::new(&app.deps.store)
        .handles(app, RESERVATION_EXPIRED, expire_reservation)
        .handles(app, REVOCATION_EXPIRED, app::expire_revocation)
        .handles(app, PURGE.kind(), app::purge_reservations)
}

/// Returns the coupons and slots of an order that was neither paid nor cancelled in time.
async fn expire_reservation(app: &App, due: &DueTimer) -> Result<(), Error> {
    let store = &app.deps.store;
    let cx = Cx::system("marketing.reservation_expired", store.clock().now());
    let order = OrderId::new(due.key);
    store
        .attempt(&cx, || async {
            let reservation = reservations::by_order(store, order).await?;
            let commit = match reservation.filter(|row| row.reservation.state == ReservationState::Reserved) {
                Some(row) => app::plan_return(app, &cx, order, Some(row), 0).await?.0,
                None => Commit::new(),
            };
            match store.commit(&cx, commit.fired(due)).await {
                // A concurrent payment or cancellation removed the timer.
                Ok(()) | Err(StoreError::AlreadyDone) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
        .await
}
