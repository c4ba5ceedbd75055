//! Confirms a reservation: its units leave the stock.

use pulse_contract::Validate;
use pulse_contract::stock::v1::{ConfirmReservationRequest, Reservation};
use pulse_kernel::{Cx, Error};

use super::{App, key, lines, reservation_reply};
use crate::domain::command::Verb;

pub(crate) async fn confirm_reservation(
    app: &App,
    cx: &Cx,
    request: ConfirmReservationRequest,
) -> Result<Reservation, Error> {
    request.validate()?;
    let verb = Verb::Confirm { key: key(request.key.as_ref())?, lines: lines(&request.lines)? };
    reservation_reply(app.batcher.execute(cx, verb).await?)
}
