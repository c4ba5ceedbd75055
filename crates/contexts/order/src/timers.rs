//! What the order context does when a time has come.

use pulse_store::TimerPump;

use crate::app::{self, App, EXPIRE, SWEEP};

pub(crate) fn pump(app: &App) -> TimerPump {
    let (expiring, sweeping) = (app.clone(), app.clone());
    TimerPump::new(&app.deps.store)
        .on(EXPIRE, move |due| {
            let app = expiring.clone();
            async move { app::expire(&app, due).await }
        })
        .on(SWEEP, move |due| {
            let app = sweeping.clone();
            async move { app::sweep(&app, due).await }
        })
}
