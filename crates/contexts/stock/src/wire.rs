//! Between the words of the domain and the numbers of the contract, which the rows carry too.

use pulse_contract::stock::v1 as wire;

use crate::domain::journal::MovementKind;
use crate::domain::reservation::{Key, Line, Owner, State};
use crate::domain::resource::{DeductAt, Kind, LineStatus, ResourceRef, Rules};

/// Both directions between an enum of the domain and one of the contract, whose zero means nothing.
macro_rules! same_words {
    ($($into:ident, $from:ident: $domain:ident = $contract:ident { $($variant:ident),+ $(,)? })+) => {$(
        pub(crate) fn $into(value: $domain) -> wire::$contract {
            match value {
                $($domain::$variant => wire::$contract::$variant,)+
            }
        }

        pub(crate) fn $from(value: wire::$contract) -> Option<$domain> {
            match value {
                wire::$contract::Unspecified => None,
                $(wire::$contract::$variant => Some($domain::$variant),)+
            }
        }
    )+};
}

same_words! {
    kind, kind_of: Kind = ResourceKind { Sku, Coupon, Sale, CourierSlot, Seat }
    owner, owner_of: Owner = ReservationOwner { Order, Coupon, Sale, External }
    status, status_of: LineStatus = LineStatus { Ok, Untracked, DeferredToPayment, Unavailable, Insufficient }
    movement_kind, movement_kind_of: MovementKind = MovementKind {
        Reserve, Confirm, Release, Expire, Return, Replenish, Adjust, TransferOut, TransferIn, Open,
    }
}

/// The state of a reservation; one that was refused has none of its own.
pub(crate) fn state(value: Option<State>) -> wire::ReservationState {
    match value {
        None => wire::ReservationState::Refused,
        Some(State::Active) => wire::ReservationState::Active,
        Some(State::Confirmed) => wire::ReservationState::Confirmed,
        Some(State::Released) => wire::ReservationState::Released,
        Some(State::Expired) => wire::ReservationState::Expired,
    }
}

pub(crate) fn state_of(value: wire::ReservationState) -> Option<State> {
    match value {
        wire::ReservationState::Unspecified | wire::ReservationState::Refused => None,
        wire::ReservationState::Active => Some(State::Active),
        wire::ReservationState::Confirmed => Some(State::Confirmed),
        wire::ReservationState::Released => Some(State::Released),
        wire::ReservationState::Expired => Some(State::Expired),
    }
}

pub(crate) fn resource(value: ResourceRef) -> wire::ResourceRef {
    wire::ResourceRef { kind: kind(value.kind).into(), id: value.id }
}

/// The resource that a message names; none when it names none.
pub(crate) fn resource_of(value: Option<&wire::ResourceRef>) -> Option<ResourceRef> {
    value.and_then(|named| Some(ResourceRef { id: named.id, kind: kind_of(named.kind())? }))
}

pub(crate) fn key(value: Key) -> wire::ReservationKey {
    wire::ReservationKey { owner: owner(value.owner).into(), id: value.id }
}

/// The key that a message carries; none when it carries none.
pub(crate) fn key_of(value: Option<&wire::ReservationKey>) -> Option<Key> {
    value.and_then(|named| Some(Key { id: named.id, owner: owner_of(named.owner())? }))
}

/// The lines of a message; none when one of them names no resource.
pub(crate) fn lines_of(lines: &[wire::ReservationLine]) -> Option<Vec<Line>> {
    let line = |line: &wire::ReservationLine| {
        Some(Line { resource: resource_of(line.resource.as_ref())?, quantity: line.quantity })
    };
    lines.iter().map(line).collect()
}

pub(crate) fn rules(value: Rules) -> wire::StockRules {
    let deduct_at = match value.deduct_at {
        DeductAt::Order => wire::DeductAt::Order,
        DeductAt::Payment => wire::DeductAt::Payment,
    };
    wire::StockRules {
        deduct_at: deduct_at.into(),
        is_oversell_allowed: value.is_oversell_allowed,
        warning_line: value.warning_line,
    }
}

pub(crate) fn rules_of(value: &wire::StockRules) -> Rules {
    let deduct_at = match value.deduct_at() {
        wire::DeductAt::Unspecified | wire::DeductAt::Order => DeductAt::Order,
        wire::DeductAt::Payment => DeductAt::Payment,
    };
    Rules { deduct_at, is_oversell_allowed: value.is_oversell_allowed, warning_line: value.warning_line }
}
