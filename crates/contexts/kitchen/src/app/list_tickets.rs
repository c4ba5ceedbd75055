//! Lists the tickets of a kitchen, oldest first, by a cursor that moves do not affect.

use pulse_contract::kitchen::v1::{ListTicketsRequest, ListTicketsResponse, TicketState};
use pulse_contract::page::{self, Page};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, view};
use crate::domain::ticket::{OPEN, State, TicketId};
use crate::store::tickets::{self, Which};

pub(crate) async fn list_tickets(
    app: &App,
    _cx: &Cx,
    request: ListTicketsRequest,
) -> Result<ListTicketsResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let after = page.after::<1>()?.map_or(0, |[id]| id);
    let states = states(request.states());
    let which = Which { shop: ShopId::new(request.shop_id), station: &request.station, states: &states };
    let rows = tickets::page(&app.deps.store, &which, TicketId::new(after), page.limit_plus_one()).await?;
    let (rows, next_page_token) = page.cut(rows, |row| page::token(&[row.id.get()]));
    Ok(ListTicketsResponse { tickets: rows.into_iter().map(view::ticket).collect(), next_page_token })
}

/// The requested states without duplicates; the open states when none are requested.
fn states(wanted: impl Iterator<Item = TicketState>) -> Vec<State> {
    let mut states: Vec<State> = wanted.filter_map(|state| state.try_into().ok()).collect();
    states.sort_unstable();
    states.dedup();
    if states.is_empty() { OPEN.to_vec() } else { states }
}
