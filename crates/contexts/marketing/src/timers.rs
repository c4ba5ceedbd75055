//! What the marketing context does when a time has come.

use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer, StoreError, TimerPump};

use crate::app::{self, App, FORGET, HOLD_EXPIRED};
use crate::domain::hold::HoldState;
use crate::store::holds;

pub(crate) fn pump(app: &App) -> TimerPump {
    let (holds, forgets) = (app.clone(), app.clone());
    TimerPump::new(&app.deps.store)
        .on(HOLD_EXPIRED, move |due| {
            let app = holds.clone();
            async move { give_back(&app, &due).await }
        })
        .on(FORGET, move |due| {
            let app = forgets.clone();
            async move { app::forget_holds(&app, &due).await }
        })
}

/// Gives back what an order holds that was neither paid nor cancelled in time.
async fn give_back(app: &App, due: &DueTimer) -> Result<(), Error> {
    let store = &app.deps.store;
    let cx = Cx::system("marketing.hold_expired", store.clock().now());
    let order = OrderId::new(due.key);
    store
        .attempt(&cx, || async {
            let hold = holds::by_order(store, order).await?;
            let commit = match hold.filter(|row| row.hold.state == HoldState::Held) {
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
