//! Releases a reservation: reserved units become available, confirmed units return to the stock.

use pulse_contract::Validate;
use pulse_contract::stock::v1::{ReleaseReservationRequest, Reservation};
use pulse_kernel::{Cx, Error};

use super::{App, key, reservation_reply};
use crate::domain::command::Verb;
use crate::domain::reservation::{Key, Owner};

pub(crate) async fn release_reservation(
    app: &App,
    cx: &Cx,
    request: ReleaseReservationRequest,
) -> Result<Reservation, Error> {
    request.validate()?;
    let verb = Verb::Release { key: key(request.key.as_ref())? };
    reservation_reply(app.batcher.execute(cx, verb).await?)
}

/// Releases the reservation of a cancelled order. If it does not exist yet, prevents a later one.
pub(crate) async fn release_cancelled(app: &App, cx: &Cx, order_id: i64) -> Result<(), Error> {
    let verb = Verb::Release { key: Key { id: order_id, owner: Owner::Order } };
    app.batcher.execute(cx, verb).await.map(|_reply| ())
}
