//! API messages of stock.

use pulse_contract::stock::v1::{
    HeldUnits, Movement, Reservation, ReservationState, ReservedLine, Stock, StockAt, TransferStockResponse, errors,
};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Error, Timestamp};

use crate::domain::command::{Refusal, ReservationResult};
use crate::domain::journal;
use crate::domain::reservation::LineOutcome;
use crate::domain::resource::{Resource, ResourceRef};
use crate::store::movements::MovementRow;
use crate::wire;

pub(crate) fn stock(resource: ResourceRef, row: &Resource) -> Stock {
    Stock {
        shop_id: row.shop.get(),
        resource: Some(wire::resource(resource)),
        rules: Some(wire::rules(row.rules)),
        on_hand: row.on_hand,
        reserved: row.reserved,
        available: row.available(),
        is_halted: row.is_halted,
        version: row.version,
    }
}

pub(crate) fn transfer(both: &[(ResourceRef, Resource); 2]) -> TransferStockResponse {
    let [from, to] = both;
    TransferStockResponse { from: Some(stock(from.0, &from.1)), to: Some(stock(to.0, &to.1)) }
}

pub(crate) fn reservation(result: &ReservationResult) -> Reservation {
    Reservation {
        key: Some(wire::key(result.key)),
        state: result.state.map_or(ReservationState::Refused, Into::into).into(),
        lines: result.lines.iter().map(line).collect(),
        expires_at: result.expires_at.map(Into::into),
    }
}

fn line(outcome: &LineOutcome) -> ReservedLine {
    ReservedLine {
        resource: Some(wire::resource(outcome.line.resource)),
        quantity: outcome.line.quantity,
        status: outcome.status.into(),
        available: outcome.available,
    }
}

pub(crate) fn movement(row: MovementRow) -> Movement {
    let MovementRow { id, movement } = row;
    Movement {
        movement_id: id,
        resource: Some(wire::resource(movement.resource)),
        version: movement.version,
        kind: movement.kind.into(),
        on_hand_delta: movement.on_hand_delta,
        reserved_delta: movement.reserved_delta,
        on_hand: movement.on_hand,
        reserved: movement.reserved,
        key: movement.key.map(wire::key),
        actor_account_id: movement.actor.map_or(0, AccountId::get),
        note: movement.note,
        moved_at: Some(movement.moved_at.into()),
    }
}

/// The message of the quantities at an instant, from the last movement until then.
pub(crate) fn stock_at(resource: ResourceRef, at: Timestamp, cause: Option<MovementRow>) -> StockAt {
    let (on_hand, reserved) = cause.as_ref().map_or((0, 0), |row| (row.movement.on_hand, row.movement.reserved));
    StockAt {
        resource: Some(wire::resource(resource)),
        at: Some(at.into()),
        on_hand,
        reserved,
        available: on_hand - reserved,
        cause: cause.map(movement),
    }
}

pub(crate) fn held_units(units: journal::HeldUnits) -> HeldUnits {
    HeldUnits { key: Some(wire::key(units.key)), quantity: units.quantity, since: Some(units.since.into()) }
}

/// The API error of a refusal.
pub(crate) fn refusal(refusal: Refusal) -> Error {
    match refusal {
        Refusal::NotFound => not_found(),
        Refusal::Short { available } => errors::STOCK_SHORT
            .error("fewer units are available than the movement removes")
            .with("available", available),
        Refusal::TooMuch => errors::STOCK_TOO_MUCH.error("quantity overflow: the result exceeds the maximum quantity"),
        Refusal::TransferInvalid => {
            errors::STOCK_TRANSFER_INVALID.error("both resources must exist and belong to the same shop")
        }
        Refusal::KeyReused => {
            errors::STOCK_RESERVATION_KEY_REUSED.error("the reservation key was used for other lines")
        }
        Refusal::ReservationNotFound => reservation_not_found(),
    }
}

pub(crate) fn not_found() -> Error {
    errors::STOCK_NOT_FOUND.error("the shop has no stock record of this resource")
}

pub(crate) fn reservation_not_found() -> Error {
    errors::STOCK_RESERVATION_NOT_FOUND.error("no reservation has this key")
}
