//! Audit of reserved quantities against active reservations, and of the timers of reservations.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use pulse_contract::stock::v1::ReservationOwner;
use pulse_kernel::Error;
use pulse_store::{Commit, StoreError, Timer};
use pulse_work::Pages;

use super::journal::{sort_key, subject};
use super::{Check, EXPIRY, RESERVED};
use crate::domain::journal::{Movement, MovementKind};
use crate::domain::ledger::Changed;
use crate::domain::reservation::{Key, State};
use crate::domain::resource::{Resource, ResourceRef};
use crate::store::reservations::{self, ReservationRow};
use crate::store::{movements, resources};
use crate::timers;

/// Maximum number of rows that are read at once.
const PAGE: i64 = 1_000;
/// Maximum number of resources whose reservations are summed in one walk over all reservations. More need more walks.
const SUMS_MAX: usize = 50_000;
/// Maximum number of walks for resources that change meanwhile; the rest is left to the next audit.
const ROUNDS_MAX: usize = 3;

/// Resources in a range of the order of all resources, and the sums of their reservations.
struct Part {
    after: Option<ResourceRef>,
    until: Option<ResourceRef>,
    rows: BTreeMap<ResourceRef, Resource>,
    sums: BTreeMap<ResourceRef, i64>,
}

impl Part {
    fn contains(&self, resource: ResourceRef) -> bool {
        self.after.is_none_or(|after| resource > after) && self.until.is_none_or(|until| resource <= until)
    }
}

pub(super) async fn check(check: &mut Check) -> Result<(), Error> {
    let (mut after, mut is_first) = (None, true);
    loop {
        let (rows, is_end) = read_part(check, after).await?;
        let until = rows.last_key_value().map(|(resource, _)| *resource).filter(|_| !is_end);
        let mut part = Part { after, until, rows, sums: BTreeMap::new() };
        sum_up(check, &mut part, is_first).await?;
        check_missing_rows(check, &part).await?;
        compare(check, part).await?;
        if until.is_none() {
            return Ok(());
        }
        (after, is_first) = (until, false);
    }
}

/// Reservations of resources without a row.
async fn check_missing_rows(check: &mut Check, part: &Part) -> Result<(), Error> {
    for (resource, units) in part.sums.iter().filter(|(resource, _)| !part.rows.contains_key(resource)) {
        // A resource that was created meanwhile has a row now.
        if resources::by_ref(&check.store, *resource).await?.is_none() {
            let detail = format!("active reservations contain {units} units, but the resource has no row");
            check.audit.found(RESERVED, subject(*resource), detail, false);
        }
    }
    Ok(())
}

/// Reads the next resources in their order. Returns them and whether they are the last.
async fn read_part(
    check: &Check,
    after: Option<ResourceRef>,
) -> Result<(BTreeMap<ResourceRef, Resource>, bool), Error> {
    let mut rows = BTreeMap::new();
    let mut position = after.map_or((i64::MIN, i64::MIN), sort_key);
    while rows.len() < SUMS_MAX {
        let page = resources::after(&check.store, position.0, position.1, PAGE).await?;
        let is_last = i64::try_from(page.len()).is_ok_and(|count| count < PAGE);
        rows.extend(page.into_iter().map(|found| (found.resource, found.row)));
        if is_last {
            return Ok((rows, true));
        }
        position = rows.last_key_value().map_or(position, |(resource, _)| sort_key(*resource));
    }
    Ok((rows, false))
}

/// Sums all active reservations. Checks their timers in the same walk when `with_timers`.
async fn sum_up(check: &mut Check, part: &mut Part, with_timers: bool) -> Result<(), Error> {
    part.sums.clear();
    let store = check.store.clone();
    let mut pages = Pages::after((i64::MIN, i64::MIN));
    let read = |(id, owner)| reservations::active_after(&store, id, owner, PAGE);
    let key = |row: &ReservationRow| (row.key.id, i64::from(i32::from(row.key.owner)));
    while let Some(page) = pages.next(read, key).await? {
        for (resource, units) in page.iter().flat_map(|found| found.row.units()) {
            if part.contains(resource) {
                *part.sums.entry(resource).or_insert(0) += units;
            }
        }
        if with_timers {
            check_timers(check, &page).await?;
        }
    }
    Ok(())
}

/// Compares the sums. A resource whose row did not change during the walk must match them exactly, because reservations
/// and their resource change in the same commit.
async fn compare(check: &mut Check, mut part: Part) -> Result<(), Error> {
    for round in 1..=ROUNDS_MAX {
        let mut moving = BTreeMap::new();
        for (resource, row) in std::mem::take(&mut part.rows) {
            let sum = part.sums.get(&resource).copied().unwrap_or(0);
            if round == 1 {
                check.audit.checked(RESERVED, 1_u64);
            }
            if sum == row.reserved {
                continue;
            }
            match resources::by_ref(&check.store, resource).await? {
                Some(now) if now.version == row.version => {
                    let is_repaired = check.audit.is_repairing() && set_reserved(check, resource, &row, sum).await?;
                    let detail =
                        format!("the reserved quantity is {}, active reservations contain {sum}", row.reserved);
                    check.audit.found(RESERVED, subject(resource), detail, is_repaired);
                }
                Some(now) => drop(moving.insert(resource, now)),
                None => {}
            }
        }
        if moving.is_empty() {
            return Ok(());
        }
        part.rows = moving;
        sum_up(check, &mut part, false).await?;
    }
    Ok(())
}

/// Sets the reserved quantity to the sum of the reservations, with a journal row (R03). `false` when the row was changed
/// meanwhile.
async fn set_reserved(check: &Check, resource: ResourceRef, row: &Resource, sum: i64) -> Result<bool, Error> {
    let moved_at = row.moved_at.max(check.cx.now);
    let is = Resource { reserved: sum, version: row.version + 1, moved_at, revision: row.revision + 1, ..row.clone() };
    let movement = Movement {
        resource,
        version: is.version,
        kind: MovementKind::Adjust,
        on_hand_delta: 0,
        reserved_delta: sum - row.reserved,
        on_hand: is.on_hand,
        reserved: is.reserved,
        key: None,
        actor: None,
        note: "repaired: reserved quantity set to the sum of reservations".to_owned(),
        moved_at,
    };
    let changed = Changed { key: resource, was: Some(row.clone()), is };
    let commit = resources::write(Commit::new(), &changed);
    let store = &check.store;
    let commit = movements::insert(commit, vec![movement], || store.next_id(check.cx.now));
    match store.commit(&check.cx, commit).await {
        Ok(()) => Ok(true),
        // The row was changed meanwhile: left to the next audit.
        Err(StoreError::Conflict | StoreError::Refused(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Finds reservations that expire without a timer: nothing would release them.
async fn check_timers(check: &mut Check, page: &[ReservationRow]) -> Result<(), Error> {
    let expiring: Vec<&ReservationRow> = page.iter().filter(|found| found.row.expires_at.is_some()).collect();
    check.audit.checked(EXPIRY, expiring.len());
    let keys: BTreeSet<Key> = expiring.iter().map(|found| found.key).collect();
    let timers = reservations::with_timer(&check.store, &keys).await?;
    let without: BTreeSet<Key> = keys.difference(&timers).copied().collect();
    // Reservations that ended between the two readings need no timer.
    for found in reservations::by_keys(&check.store, &without).await? {
        let (Some(at), State::Active) = (found.row.expires_at, found.row.state) else { continue };
        let subject = format!("{} {}", ReservationOwner::from(found.key.owner).as_str_name(), found.key.id);
        let is_repaired = check.audit.is_repairing() && {
            let (kind, key) = (timers::kind_of(found.key.owner), found.key.id);
            let timer = Timer { kind, key, due_at: at, payload: Bytes::new() };
            check.store.commit(&check.cx, Commit::new().timer(timer)).await?;
            true
        };
        check.audit.found(EXPIRY, subject, format!("it expires at {at} and has no timer"), is_repaired);
    }
    Ok(())
}
