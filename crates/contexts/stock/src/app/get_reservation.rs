//! Shows a reservation, and those that are held.

use pulse_contract::page::{self, Page};
use pulse_contract::stock::v1::{
    GetReservationRequest, ListActiveReservationsRequest, ListActiveReservationsResponse, Reservation, ReservationOwner,
};
use pulse_kernel::{Cx, Error};

use super::{App, key};
use crate::domain::command::Told;
use crate::store::reservations::{self, ReservationRow};
use crate::view;

pub(crate) async fn get_reservation(app: &App, _cx: &Cx, request: GetReservationRequest) -> Result<Reservation, Error> {
    let found = reservations::by_key(&app.deps.store, key(request.key.as_ref())?).await?;
    Ok(shown(found.ok_or_else(view::reservation_not_found)?))
}

pub(crate) async fn list_active_reservations(
    app: &App,
    _cx: &Cx,
    request: ListActiveReservationsRequest,
) -> Result<ListActiveReservationsResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let [id, owner] = page.after::<2>()?.unwrap_or_default();
    let found = reservations::held_after(&app.deps.store, id, owner, page.limit_plus_one()).await?;
    let place = |row: &ReservationRow| {
        let owner = ReservationOwner::from(row.key.owner);
        page::token(&[row.key.id, i64::from(i32::from(owner))])
    };
    let (found, next_page_token) = page.cut(found, place);
    Ok(ListActiveReservationsResponse { reservations: found.into_iter().map(shown).collect(), next_page_token })
}

fn shown(found: ReservationRow) -> Reservation {
    let row = found.row;
    let told = Told { key: found.key, state: Some(row.state), lines: row.lines, expires_at: row.expires_at };
    view::reservation(&told)
}
