//! Shows a reservation.

use pulse_contract::stock::v1::{GetReservationRequest, Reservation};
use pulse_kernel::{Cx, Error};

use super::{App, key};
use crate::domain::command::Told;
use crate::store::reservations;
use crate::view;

pub(crate) async fn get_reservation(app: &App, _cx: &Cx, request: GetReservationRequest) -> Result<Reservation, Error> {
    let found = reservations::by_key(&app.deps.store, key(request.key.as_ref())?).await?;
    let found = found.ok_or_else(view::reservation_not_found)?;
    let row = found.row;
    let told = Told { key: found.key, state: Some(row.state), lines: row.lines, expires_at: row.expires_at };
    Ok(view::reservation(&told))
}
