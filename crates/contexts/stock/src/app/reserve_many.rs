//! Makes several reservations with one call of the batcher. Each one reserves all of its lines or none.

use pulse_contract::Validate;
use pulse_contract::stock::v1::{Reservation, ReserveManyRequest, ReserveManyResponse, ReserveRequest};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::permits::permits;
use super::reserve::verb;
use super::{App, key, lines, reservation_reply};
use crate::domain::command::{Refusal, Reply, Verb};
use crate::view;

pub(crate) async fn reserve_many(
    app: &App,
    cx: &Cx,
    request: ReserveManyRequest,
) -> Result<ReserveManyResponse, Error> {
    request.validate()?;
    let verbs: Vec<Verb> = request
        .reservations
        .iter()
        .map(|one| Ok(verb(one, key(one.key.as_ref())?, lines(&one.lines)?)))
        .collect::<Result<_, Error>>()?;
    let _permits = permits(app, cx, verbs.iter().flat_map(Verb::lines)).await?;
    // Each reservation has its own key, so that a repeated request moves nothing. The response is stored afterwards.
    let unkeyed = Cx { idempotency: None, ..cx.clone() };
    let outcomes = app.batcher.execute_all(&unkeyed, verbs).await?;
    let reservation = |(outcome, request): (Result<Reply, Refusal>, &ReserveRequest)| {
        let id = request.key.map_or(0, |key| key.id);
        reservation_reply(outcome.map_err(|refusal| view::refusal(refusal).with("reservation_id", id))?)
    };
    let reservations = outcomes
        .into_iter()
        .zip(&request.reservations)
        .map(reservation)
        .collect::<Result<Vec<Reservation>, Error>>()?;
    let response = ReserveManyResponse { reservations };
    if cx.idempotency.is_some() {
        app.deps.store.commit(cx, Commit::new().answer(cx, &response)).await?;
    }
    Ok(response)
}
