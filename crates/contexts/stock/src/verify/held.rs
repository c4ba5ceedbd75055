//! What is reserved against what reservations hold, and the timers of what expires.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use pulse_kernel::Error;
use pulse_store::{Commit, StoreError, Timer};

use super::journal::subject;
use super::{EXPIRY, HELD, Report};
use crate::domain::journal::{Movement, MovementKind};
use crate::domain::ledger::Changed;
use crate::domain::reservation::{Key, State};
use crate::domain::resource::{Resource, ResourceRef};
use crate::timers;
use crate::store::reservations::{self, ReservationRow};
use crate::store::{movements, resources};
use crate::wire;

/// How many rows are read at a time.
const PAGE: i64 = 1_000;
/// How many resources are summed up in one walk over what is held; for more there are more walks.
const SUMS_MAX: usize = 50_000;
/// How often resources that moved meanwhile are summed up again. What always moves is left to the next run.
const ROUNDS_MAX: usize = 3;

/// Resources and what is held of them, within a part of the order of all resources.
struct Part {
    after: Option<ResourceRef>,
    until: Option<ResourceRef>,
    rows: BTreeMap<ResourceRef, Resource>,
    held: BTreeMap<ResourceRef, i64>,
}

impl Part {
    fn has(&self, resource: ResourceRef) -> bool {
        self.after.is_none_or(|after| resource > after) && self.until.is_none_or(|until| resource <= until)
    }
}

pub(super) async fn check(report: &mut Report) -> Result<(), Error> {
    let (mut after, mut is_first) = (None, true);
    loop {
        let (rows, is_end) = read_part(report, after).await?;
        let until = rows.last_key_value().map(|(resource, _)| *resource).filter(|_| !is_end);
        let mut part = Part { after, until, rows, held: BTreeMap::new() };
        sum_up(report, &mut part, is_first).await?;
        check_nowhere(report, &part).await?;
        compare(report, part).await?;
        if until.is_none() {
            return Ok(());
        }
        (after, is_first) = (until, false);
    }
}

/// Units of resources that have no row.
async fn check_nowhere(report: &mut Report, part: &Part) -> Result<(), Error> {
    for (resource, units) in part.held.iter().filter(|(resource, _)| !part.rows.contains_key(resource)) {
        // One that was made meanwhile has a row now.
        if resources::by_ref(&report.store, *resource).await?.is_none() {
            report.find(HELD, subject(*resource), format!("{units} are held of a resource without a row"), false);
        }
    }
    Ok(())
}

/// The next resources in their order, and whether they are the last.
async fn read_part(
    report: &Report,
    after: Option<ResourceRef>,
) -> Result<(BTreeMap<ResourceRef, Resource>, bool), Error> {
    let mut rows = BTreeMap::new();
    let mut place = after.map_or((i64::MIN, i64::MIN), place_of);
    while rows.len() < SUMS_MAX {
        let page = resources::after(&report.store, place.0, place.1, PAGE).await?;
        let is_last = i64::try_from(page.len()).is_ok_and(|count| count < PAGE);
        rows.extend(page.into_iter().map(|found| (found.resource, found.row)));
        if is_last {
            return Ok((rows, true));
        }
        place = rows.last_key_value().map_or(place, |(resource, _)| place_of(*resource));
    }
    Ok((rows, false))
}

fn place_of(resource: ResourceRef) -> (i64, i64) {
    (resource.id, i32::from(wire::kind(resource.kind)).into())
}

/// Walks over everything that is held, and sums it up; looks at the timers on the way when asked to.
async fn sum_up(report: &mut Report, part: &mut Part, with_timers: bool) -> Result<(), Error> {
    part.held.clear();
    let (mut id, mut owner) = (i64::MIN, i64::MIN);
    loop {
        let page = reservations::held_after(&report.store, id, owner, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        (id, owner) = (last.key.id, i32::from(wire::owner(last.key.owner)).into());
        for (resource, units) in page.iter().flat_map(|found| found.row.units()) {
            if part.has(resource) {
                *part.held.entry(resource).or_insert(0) += units;
            }
        }
        if with_timers {
            check_timers(report, &page).await?;
        }
    }
}

/// A resource whose row did not change while everything was summed up has exactly what was held: whatever changes one
/// changes the other in the same commit.
async fn compare(report: &mut Report, mut part: Part) -> Result<(), Error> {
    for round in 1..=ROUNDS_MAX {
        let mut moving = BTreeMap::new();
        for (resource, row) in std::mem::take(&mut part.rows) {
            let held = part.held.get(&resource).copied().unwrap_or(0);
            if round == 1 {
                report.count(HELD);
            }
            if held == row.reserved {
                continue;
            }
            match resources::by_ref(&report.store, resource).await? {
                Some(now) if now.version == row.version => {
                    let is_repaired = report.is_repairing && set_reserved(report, resource, &row, held).await?;
                    let detail = format!("{} are reserved, reservations hold {held}", row.reserved);
                    report.find(HELD, subject(resource), detail, is_repaired);
                }
                Some(now) => drop(moving.insert(resource, now)),
                None => {}
            }
        }
        if moving.is_empty() {
            return Ok(());
        }
        part.rows = moving;
        sum_up(report, &mut part, false).await?;
    }
    Ok(())
}

/// Reserves what reservations hold, no more and no less, and says so in the journal (R03).
async fn set_reserved(report: &Report, resource: ResourceRef, row: &Resource, held: i64) -> Result<bool, Error> {
    let moved_at = row.moved_at.max(report.cx.now);
    let is = Resource { reserved: held, version: row.version + 1, moved_at, revision: row.revision + 1, ..row.clone() };
    let movement = Movement {
        resource,
        version: is.version,
        kind: MovementKind::Adjust,
        on_hand_delta: 0,
        reserved_delta: held - row.reserved,
        on_hand: is.on_hand,
        reserved: is.reserved,
        key: None,
        actor: None,
        note: "repaired: what is reserved is what reservations hold".to_owned(),
        moved_at,
    };
    let changed = Changed { key: resource, was: Some(row.clone()), is };
    let commit = resources::write(Commit::new(), &changed);
    let store = &report.store;
    let commit = movements::insert(commit, vec![movement], || store.next_id(report.cx.now));
    match store.commit(&report.cx, commit).await {
        Ok(()) => Ok(true),
        // It moves: the next run looks again.
        Err(StoreError::Conflict | StoreError::Refused(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What expires without a timer would be held for ever.
async fn check_timers(report: &mut Report, page: &[ReservationRow]) -> Result<(), Error> {
    let expiring: Vec<&ReservationRow> = page.iter().filter(|found| found.row.expires_at.is_some()).collect();
    expiring.iter().for_each(|_| report.count(EXPIRY));
    let keys: BTreeSet<Key> = expiring.iter().map(|found| found.key).collect();
    let timers = reservations::with_timer(&report.store, &keys).await?;
    let without: BTreeSet<Key> = keys.difference(&timers).copied().collect();
    // Those that were settled between the two reads have none any more.
    for found in reservations::by_keys(&report.store, &without).await? {
        let (Some(at), State::Active) = (found.row.expires_at, found.row.state) else { continue };
        let subject = format!("{} {}", wire::owner(found.key.owner).as_str_name(), found.key.id);
        let is_repaired = report.is_repairing && {
            let (kind, key) = (timers::kind_of(found.key.owner), found.key.id);
            let timer = Timer { kind, key, due_at: at, payload: Bytes::new() };
            report.store.commit(&report.cx, Commit::new().timer(timer)).await?;
            true
        };
        report.find(EXPIRY, subject, format!("it expires at {at}, and nothing will see to it"), is_repaired);
    }
    Ok(())
}
