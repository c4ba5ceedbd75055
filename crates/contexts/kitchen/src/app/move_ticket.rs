//! Moves a ticket, and tells the first start and the last ready of its order.

use pulse_contract::errors as common;
use pulse_contract::kitchen::v1::{MoveTicketRequest, OrderReady, OrderStarted, Ticket, TicketState, errors};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Commit;

use super::{App, view};
use crate::domain::order::News;
use crate::domain::ticket::{Move, State, TicketId};
use crate::store::orders::{self, OrderRow};
use crate::store::tickets::{self, TicketRow};
use crate::store::{prep_times, stations};

pub(crate) async fn move_ticket(app: &App, cx: &Cx, request: MoveTicketRequest) -> Result<Ticket, Error> {
    let by = Move::try_from(request.r#move()).map_err(|_none| common::VALIDATION_FAILED.error("move must be set"))?;
    let (shop, id) = (ShopId::new(request.shop_id), TicketId::new(request.ticket_id));
    let outcome = app.deps.store.attempt(cx, || move_once(app, cx, (shop, id), by)).await;
    app.subscribers.notify(&shop);
    outcome
}

async fn move_once(app: &App, cx: &Cx, (shop, id): (ShopId, TicketId), by: Move) -> Result<Ticket, Error> {
    let store = &app.deps.store;
    let ticket = tickets::by_id(store, shop, id).await?.ok_or_else(|| not_found(id))?;
    // The order is read before its tickets: whoever changes one of them after that makes this commit a conflict.
    let order = orders::by_id(store, ticket.order).await?;
    let order = order.ok_or_else(|| common::INTERNAL.error("a ticket without its order"))?;
    let all = tickets::of_order(store, order.id).await?;
    let ticket = all.iter().find(|ticket| ticket.id == id).cloned().ok_or_else(|| not_found(id))?;
    let to = after(&ticket, &order, by)?;
    let states = all.iter().map(|other| if other.id == id { to } else { other.state });
    let (progress, news) = order.progress.with(states);
    let order = OrderRow { progress, version: order.version + 1, ..order };
    let commit = tell(orders::update(Commit::new(), &order), &order, news, cx.now);
    let (row, commit) = write(app, commit, ticket, to, cx.now).await?;
    let answer = view::ticket(row);
    store.commit(cx, commit.answer(cx, &answer)).await?;
    Ok(answer)
}

/// The state after the move. Nothing of a cancelled order is moved any more.
fn after(ticket: &TicketRow, order: &OrderRow, by: Move) -> Result<State, Error> {
    let is_movable = !order.progress.is_cancelled;
    if let Some(to) = ticket.state.after(by).filter(|_| is_movable) {
        return Ok(to);
    }
    let allowed: Vec<&str> = ticket.state.moves().filter(|_| is_movable).map(Move::word).collect();
    let detail = match allowed.is_empty() {
        true => "the ticket can be moved no more".to_owned(),
        false => format!("possible now: {}", allowed.join(", ")),
    };
    let error = errors::KITCHEN_MOVE_INVALID.error(detail);
    Err(error.with("state", TicketState::from(ticket.state).as_str_name()).with("allowed", allowed.join(",")))
}

/// Adds the events that say the news of an order.
pub(crate) fn tell(commit: Commit, order: &OrderRow, news: News, now: Timestamp) -> Commit {
    let (shop_id, order_id) = (order.shop.get(), order.id.get());
    let mut commit = commit;
    if news.is_started {
        commit = commit.event(order_id, &OrderStarted { shop_id, order_id });
    }
    if news.is_ready {
        commit = commit.event(order_id, &OrderReady { shop_id, order_id, ready_at: Some(now.into()) });
    }
    commit
}

/// Adds the writes of a ticket that is in state `to` from now on, and of what its station learns from that.
async fn write(
    app: &App,
    commit: Commit,
    read: TicketRow,
    to: State,
    now: Timestamp,
) -> Result<(TicketRow, Commit), Error> {
    let (from, mut row) = (read.state, TicketRow { state: to, version: read.version + 1, ..read });
    let mut commit = commit;
    match (from, to) {
        (State::Accepted, State::Started) => {
            let stations = view::stations(stations::of_shop(&app.deps.store, row.shop).await?.stations);
            let (_, time) = app.prep_time(row.shop, &row.station, &stations).await?;
            row.details.started_at = Some(now.into());
            row.details.ready_estimate_at = Some(now.plus(time.for_units(row.unit_count)).into());
        }
        (State::Started, State::Ready) => {
            row.details.ready_at = Some(now.into());
            // Once per ticket: one that was taken back and made again would count what happened in between.
            if let Some(started_at) = row.details.started_at.filter(|_| !row.details.is_measured) {
                let stations = view::stations(stations::of_shop(&app.deps.store, row.shop).await?.stations);
                let (read, time) = app.prep_time(row.shop, &row.station, &stations).await?;
                let learned = time.learn(now.since(started_at.into()), row.unit_count);
                commit = prep_times::put(commit, (row.shop, &row.station), read, learned);
                row.details.is_measured = true;
            }
        }
        (State::Ready, State::Started) => row.details.ready_at = None,
        _ => {}
    }
    Ok((row.clone(), tickets::update(commit, &row)))
}

fn not_found(id: TicketId) -> Error {
    errors::KITCHEN_TICKET_NOT_FOUND.error("the kitchen has no such ticket").with("ticket_id", id.get())
}
