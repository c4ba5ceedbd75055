//! Returns one reservation, or all active reservations.

use pulse_contract::page::{self, Page};
use pulse_contract::stock::v1::{
    GetReservationRequest, ListActiveReservationsRequest, ListActiveReservationsResponse, Reservation, ReservationOwner,
};
use pulse_kernel::{Cx, Error};

use super::{App, key};
use crate::domain::command::ReservationResult;
use crate::store::reservations::{self, ReservationRow};
use crate::view;

pub(crate) async fn get_reservation(app: &App, _cx: &Cx, request: GetReservationRequest) -> Result<Reservation, Error> {
    let found = reservations::by_key(&app.deps.store, key(request.key.as_ref())?).await?;
    Ok(message(found.ok_or_else(view::reservation_not_found)?))
}

pub(crate) async fn list_active_reservations(
    app: &App,
    _cx: &Cx,
    request: ListActiveReservationsRequest,
) -> Result<ListActiveReservationsResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let [id, owner] = page.after::<2>()?.unwrap_or_default();
    let found = reservations::active_after(&app.deps.store, id, owner, page.limit_plus_one()).await?;
    let position = |row: &ReservationRow| {
        let owner = ReservationOwner::from(row.key.owner);
        page::token(&[row.key.id, i64::from(i32::from(owner))])
    };
    let (found, next_page_token) = page.cut(found, position);
    Ok(ListActiveReservationsResponse { reservations: found.into_iter().map(message).collect(), next_page_token })
}

fn message(found: ReservationRow) -> Reservation {
    let row = found.row;
    let result =
        ReservationResult { key: found.key, state: Some(row.state), lines: row.lines, expires_at: row.expires_at };
    view::reservation(&result)
}
