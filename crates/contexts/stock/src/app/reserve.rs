//! Reserves all lines of a request or none.

use pulse_contract::Validate;
use pulse_contract::stock::v1::{Reservation, ReserveRequest};
use pulse_kernel::{Cx, Error};

use super::permits::permits;
use super::{App, key, lines, reservation_reply};
use crate::domain::command::Verb;
use crate::domain::reservation::{Key, Line};
use crate::domain::resource::Moment;

pub(crate) async fn reserve(app: &App, cx: &Cx, request: ReserveRequest) -> Result<Reservation, Error> {
    request.validate()?;
    let (key, lines) = (key(request.key.as_ref())?, lines(&request.lines)?);
    let _permits = permits(app, cx, &lines).await?;
    reservation_reply(app.batcher.execute(cx, verb(&request, key, lines)).await?)
}

pub(super) fn verb(request: &ReserveRequest, key: Key, lines: Vec<Line>) -> Verb {
    Verb::Reserve {
        key,
        lines,
        expires_at: request.expires_at.map(Into::into),
        moment: if request.is_payment { Moment::Payment } else { Moment::Order },
    }
}
