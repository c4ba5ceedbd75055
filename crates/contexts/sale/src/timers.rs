//! Handlers of timers.

use pulse_store::TimerPump;

use crate::app::{self, ADVANCE, App};

pub(crate) fn pump(app: &App) -> TimerPump {
    TimerPump::new(&app.deps.store).handles(app, ADVANCE, app::advance)
}
