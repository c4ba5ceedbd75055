//! Expiry timers of reservations.

use pulse_store::TimerPump;

use crate::app::{self, App};
use crate::domain::reservation::Owner;

/// Maximum number of reservations that expire concurrently: the batcher writes concurrent ones with one commit.
const EXPIRING_MAX: usize = 128;

/// A kind of timer for each owner of reservations; the key of the timer is the owner's id.
pub(crate) const KINDS: [(&str, Owner); 4] = [
    ("stock.order_expires", Owner::Order),
    ("stock.coupon_expires", Owner::Coupon),
    ("stock.sale_expires", Owner::Sale),
    ("stock.external_expires", Owner::External),
];

/// The kind of the timer of a reservation.
pub(crate) fn kind_of(owner: Owner) -> &'static str {
    let [order, coupon, sale, external] = KINDS.map(|(kind, _)| kind);
    match owner {
        Owner::Order => order,
        Owner::Coupon => coupon,
        Owner::Sale => sale,
        Owner::External => external,
    }
}

/// The owner whose reservations have timers of this kind.
pub(crate) fn owner_of(kind: &str) -> Option<Owner> {
    KINDS.into_iter().find(|(known, _)| *known == kind).map(|(_, owner)| owner)
}

pub(crate) fn pump(app: &App) -> TimerPump {
    let pump = TimerPump::new(&app.deps.store).firing_max(EXPIRING_MAX);
    KINDS.into_iter().fold(pump, |pump, (kind, _)| pump.handles(app, kind, app::expire_reservation))
}
