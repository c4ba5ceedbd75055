//! What the sale context does when a time has come.

use pulse_store::TimerPump;

use crate::app::{self, ADVANCE, App};

pub(crate) fn pump(app: &App) -> TimerPump {
    let app = app.clone();
    TimerPump::new(&app.deps.store).on(ADVANCE, move |due| {
        let app = app.clone();
        async move { app::advance(&app, due).await }
    })
}
