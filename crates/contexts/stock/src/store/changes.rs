//! What a batch changes, as one commit.

use bytes::Bytes;
use pulse_contract::stock::v1::{ReservationExpired, StockIsBack, StockRanLow};
use pulse_kernel::Timestamp;
use pulse_store::{Commit, Store, Timer};

use super::{movements, reservations, resources};
use crate::domain::ledger::{Changes, Signal};
use crate::domain::reservation::Key;
use crate::timers;
use crate::wire;

/// Resources first, in their order: whoever changes the same ones waits here, and has locked nothing that others need.
pub(crate) fn commit(store: &Store, now: Timestamp, changes: Changes) -> Commit {
    let commit = changes.resources.iter().fold(Commit::new(), resources::write);
    let commit = reservations::write(commit, &changes.reservations, now);
    let commit = movements::insert(commit, changes.movements, || store.next_id(now));
    let commit = changes.signals.into_iter().fold(commit, tell);
    changes.alarms.into_iter().fold(commit, |commit, (key, at)| ring(commit, key, at))
}

fn ring(commit: Commit, key: Key, at: Option<Timestamp>) -> Commit {
    let kind = timers::kind_of(key.owner);
    match at {
        Some(due_at) => commit.timer(Timer { kind, key: key.id, due_at, payload: Bytes::new() }),
        None => commit.cancel_timer(kind, key.id),
    }
}

fn tell(commit: Commit, signal: Signal) -> Commit {
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
