//! Takes out what is reserved.

use pulse_contract::Validate;
use pulse_contract::stock::v1::{ConfirmReservationRequest, Reservation};
use pulse_kernel::{Cx, Error};

use super::{App, key, lines, told};
use crate::domain::command::Verb;

pub(crate) async fn confirm_reservation(
    app: &App,
    cx: &Cx,
    request: ConfirmReservationRequest,
) -> Result<Reservation, Error> {
    request.validate()?;
    let verb = Verb::Confirm { key: key(request.key.as_ref())?, lines: lines(&request.lines)? };
    told(app.batcher.execute(cx, verb).await?)
}
