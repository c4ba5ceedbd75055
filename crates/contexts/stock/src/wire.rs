//! Conversion between the domain and the contract. Rows store enums as the numbers of the contract.

use pulse_contract::stock::v1 as wire;
use pulse_contract::wire_enum;

use crate::domain::journal::MovementKind;
use crate::domain::reservation::{Key, Line, Owner, State};
use crate::domain::resource::{DeductAt, Kind, LineStatus, ResourceRef, Rules};

wire_enum! {
    Kind = wire::ResourceKind { Sku, Coupon, Sale, CourierSlot, Seat };
    Owner = wire::ReservationOwner { Order, Coupon, Sale, External };
    LineStatus = wire::LineStatus { Ok, Untracked, DeferredToPayment, Unavailable, Insufficient };
    MovementKind = wire::MovementKind {
        Reserve, Confirm, Release, Expire, Return, Replenish, Adjust, TransferOut, TransferIn, Open,
    };
    State = wire::ReservationState { Active, Confirmed, Released, Expired } except { Refused }
}

pub(crate) fn resource(value: ResourceRef) -> wire::ResourceRef {
    wire::ResourceRef { kind: value.kind.into(), id: value.id }
}

/// The resource of a message; `None` if the kind or the resource is missing.
pub(crate) fn resource_of(value: Option<&wire::ResourceRef>) -> Option<ResourceRef> {
    value.and_then(|named| Some(ResourceRef { id: named.id, kind: named.kind().try_into().ok()? }))
}

pub(crate) fn key(value: Key) -> wire::ReservationKey {
    wire::ReservationKey { owner: value.owner.into(), id: value.id }
}

/// The key of a message; `None` if the owner or the key is missing.
pub(crate) fn key_of(value: Option<&wire::ReservationKey>) -> Option<Key> {
    value.and_then(|named| Some(Key { id: named.id, owner: named.owner().try_into().ok()? }))
}

/// The lines of a message; `None` if a line has no resource.
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
