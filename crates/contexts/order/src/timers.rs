//! Handlers of timers.

use pulse_store::TimerPump;

use crate::app::{self, App, EXPIRE, SWEEP};

pub(crate) fn pump(app: &App) -> TimerPump {
    TimerPump::new(&app.deps.store).handles(app, EXPIRE, app::expire).handles(app, SWEEP.kind(), app::sweep)
}
