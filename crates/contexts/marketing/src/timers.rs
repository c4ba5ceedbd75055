//! What the marketing context does when a time has come.

use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer, StoreError, TimerPump};

use crate::app::{self, App, PURGE, RESERVATION_EXPIRED};
use crate::domain::reservation::ReservationState;
use crate::store::reservations;

pub(crate) fn pump(app: &App) -> TimerPump {
    let (holds, forgets) = (app.clone(), app.clone());
    TimerPump::new(&app.deps.store)
        .on(RESERVATION_EXPIRED, move |due| {
            let app = holds.clone();
            async move { give_back(&app, &due).await }
        })
        .on(PURGE, move |due| {
            let app = forgets.clone();
            async move { app::purge_reservations(&app, &due).await }
        })
}

/// Gives back what an order holds that was neither paid nor cancelled in time.
async fn give_back(app: &App, due: &DueTimer) -> Result<(), Error> {
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
                // It was paid or cancelled at this very moment, which took the timer away.
                Ok(()) | Err(StoreError::AlreadyDone) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
        .await
}
