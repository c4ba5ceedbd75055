//! The changes of a batch as one commit.

use bytes::Bytes;
use pulse_contract::stock::v1::{ReservationExpired, StockIsBack, StockRanLow};
use pulse_kernel::Timestamp;
use pulse_store::{Commit, Store, Timer};

use super::{movements, reservations, resources};
use crate::domain::ledger::{Changes, Signal};
use crate::domain::reservation::Key;
use crate::timers;
use crate::wire;

/// Creates the commit. Resources come first and in their order, so that concurrent commits wait for each other before they
/// have locked other rows, and cannot deadlock.
pub(crate) fn commit(store: &Store, now: Timestamp, changes: Changes) -> Commit {
    let commit = changes.resources.iter().fold(Commit::new(), resources::write);
    let commit = reservations::write(commit, &changes.reservations, now);
    let commit = movements::insert(commit, changes.movements, || store.next_id(now));
    let commit = changes.signals.into_iter().fold(commit, event);
    changes.timers.into_iter().fold(commit, |commit, (key, at)| timer(commit, key, at))
}

/// Adds the write that sets or cancels the expiry timer of a reservation.
fn timer(commit: Commit, key: Key, at: Option<Timestamp>) -> Commit {
    let kind = timers::kind_of(key.owner);
    match at {
        Some(due_at) => commit.timer(Timer { kind, key: key.id, due_at, payload: Bytes::new() }),
        None => commit.cancel_timer(kind, key.id),
    }
}

/// Adds the event of a signal.
fn event(commit: Commit, signal: Signal) -> Commit {
    match signal {
        Signal::RanLow { shop, resource, available, warning_line } => {
            let which = Some(wire::resource(resource));
            commit.event(resource.id, &StockRanLow { shop_id: shop.get(), resource: which, available, warning_line })
        }
        Signal::IsBack { shop, resource, available } => {
            let which = Some(wire::resource(resource));
            commit.event(resource.id, &StockIsBack { shop_id: shop.get(), resource: which, available })
        }
        Signal::Expired(key) => commit.event(key.id, &ReservationExpired { key: Some(wire::key(key)) }),
    }
}
