//! Moves a ticket, and publishes the first start and the last ready of its order.

use pulse_contract::errors as common;
use pulse_contract::kitchen::v1::{MoveTicketRequest, OrderReady, OrderStarted, Ticket, TicketState, errors};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Commit;

use super::{App, view};
use crate::domain::order::Milestones;
use crate::domain::ticket::{Move, State, TicketId};
use crate::store::orders::{self, OrderRow};
use crate::store::tickets::{self, TicketRow};
use crate::store::{prep_times, stations};

pub(crate) async fn move_ticket(app: &App, cx: &Cx, request: MoveTicketRequest) -> Result<Ticket, Error> {
    let by = Move::try_from(request.r#move()).map_err(|_none| {
        common::VALIDATION_FAILED.error("move must be one of ACCEPT, START, READY, BUMP and RECALL")
    })?;
    let (shop, id) = (ShopId::new(request.shop_id), TicketId::new(request.ticket_id));
    let outcome = app.deps.store.attempt(cx, || move_once(app, cx, (shop, id), by)).await;
    app.subscribers.notify(&shop);
    outcome
}

async fn move_once(app: &App, cx: &Cx, (shop, id): (ShopId, TicketId), by: Move) -> Result<Ticket, Error> {
    let store = &app.deps.store;
    let ticket = tickets::by_id(store, shop, id).await?.ok_or_else(|| not_found(id))?;
    // The order is read before its tickets: a later change of a ticket changes the order and makes this commit a conflict.
    let order = orders::by_id(store, ticket.order).await?;
    let order = order.ok_or_else(|| common::INTERNAL.error("the order of a ticket does not exist"))?;
    let all = tickets::of_order(store, order.id).await?;
    let ticket = all.iter().find(|ticket| ticket.id == id).cloned().ok_or_else(|| not_found(id))?;
    let to = after(&ticket, &order, by)?;
    let states = all.iter().map(|other| if other.id == id { to } else { other.state });
    let (progress, milestones) = order.progress.with(states);
    let order = OrderRow { progress, version: order.version + 1, ..order };
    let commit = emit_milestones(orders::update(Commit::new(), &order), &order, milestones, cx.now);
    let (row, commit) = write(app, commit, ticket, to, cx.now).await?;
    let answer = view::ticket(row);
    store.commit(cx, commit.answer(cx, &answer)).await?;
    Ok(answer)
}

/// The state after the move. Tickets of a cancelled order cannot be moved.
fn after(ticket: &TicketRow, order: &OrderRow, by: Move) -> Result<State, Error> {
    let is_movable = !order.progress.is_cancelled;
    if let Some(to) = ticket.state.after(by).filter(|_| is_movable) {
        return Ok(to);
    }
    let allowed: Vec<&str> = ticket.state.moves().filter(|_| is_movable).map(Move::word).collect();
    let state = TicketState::from(ticket.state).as_str_name();
    let detail = match allowed.is_empty() {
        true => format!("a ticket in state {state} of this order cannot be moved"),
        false => format!("a ticket in state {state} allows {}, got {}", allowed.join(", "), by.word()),
    };
    let error = errors::KITCHEN_MOVE_INVALID.error(detail);
    Err(error.with("state", state).with("allowed", allowed.join(",")))
}

/// Adds the events of the milestones of an order.
pub(crate) fn emit_milestones(commit: Commit, order: &OrderRow, milestones: Milestones, now: Timestamp) -> Commit {
    let (shop_id, order_id) = (order.shop.get(), order.id.get());
    let mut commit = commit;
    if milestones.is_started {
        commit = commit.event(order_id, &OrderStarted { shop_id, order_id });
    }
    if milestones.is_ready {
        commit = commit.event(order_id, &OrderReady { shop_id, order_id, ready_at: Some(now.into()) });
    }
    commit
}

/// Adds the writes of a ticket with its new state, and of the prep time of its station.
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
            // Measured once per ticket: a recalled ticket would include the time in between.
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
    errors::KITCHEN_TICKET_NOT_FOUND
        .error(format!("ticket {} does not exist in this kitchen", id.get()))
        .with("ticket_id", id.get())
}
