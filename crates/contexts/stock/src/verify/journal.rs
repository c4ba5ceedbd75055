//! Audit of the journal of every resource, from its first movement.

use pulse_contract::stock::v1::ResourceKind;
use pulse_kernel::Error;
use pulse_store::{Commit, StoreError};
use pulse_work::Pages;

use super::{Check, JOURNAL, QUANTITIES, SUMS};
use crate::domain::journal::{Fault, Replay};
use crate::domain::ledger::Changed;
use crate::domain::resource::{Resource, ResourceRef};
use crate::store::movements;
use crate::store::resources::{self, ResourceRow};

/// Maximum number of resources that are read at once.
const RESOURCES: i64 = 500;
/// Maximum number of movements that are read at once.
const MOVEMENTS: i64 = 1_000;

pub(super) async fn check(check: &mut Check) -> Result<(), Error> {
    let store = check.store.clone();
    let mut pages = Pages::after((i64::MIN, i64::MIN));
    let read = |(id, kind)| resources::after(&store, id, kind, RESOURCES);
    while let Some(rows) = pages.next(read, |row| sort_key(row.resource)).await? {
        for found in rows {
            check_one(check, found).await?;
        }
    }
    Ok(())
}

/// Position of a resource in the order of all resources.
pub(super) fn sort_key(resource: ResourceRef) -> (i64, i64) {
    (resource.id, i32::from(resource.kind).into())
}

async fn check_one(check: &mut Check, found: ResourceRow) -> Result<(), Error> {
    let ResourceRow { resource, mut row } = found;
    let (until_row, end, fault) = replay(check, resource, row.version).await?;
    [JOURNAL, SUMS, QUANTITIES].into_iter().for_each(|invariant| check.audit.checked(invariant, 1_u64));
    if let Some(fault) = &fault {
        check.audit.found(JOURNAL, subject(resource), describe(fault), false);
    }
    let mut is_same =
        (until_row.version, until_row.on_hand, until_row.reserved) == (row.version, row.on_hand, row.reserved);
    if is_same && end.version > row.version {
        // Either the row was changed since, or it is older than its journal.
        let again = resources::by_ref(&check.store, resource).await?;
        is_same = again.is_none_or(|again| again.revision != row.revision);
    }
    if !is_same {
        let detail = format!(
            "version {}, {} on hand, {} reserved; the journal ends with version {}, {} on hand, {} reserved",
            row.version, row.on_hand, row.reserved, end.version, end.on_hand, end.reserved
        );
        let repaired = if fault.is_none() { rebuild(check, resource, &row, end).await? } else { None };
        check.audit.found(SUMS, subject(resource), detail, repaired.is_some());
        row = repaired.unwrap_or(row);
    }
    if row.reserved < 0 || (row.available() < 0 && !row.was_oversell_allowed) {
        let detail = format!("{} on hand, {} reserved", row.on_hand, row.reserved);
        check.audit.found(QUANTITIES, subject(resource), detail, false);
    }
    Ok(())
}

/// Replays the journal. Returns the quantities at the version of the row, those at the end, and the first fault.
async fn replay(check: &Check, resource: ResourceRef, version: i64) -> Result<(Replay, Replay, Option<Fault>), Error> {
    let (mut until_row, mut end, mut fault) = (Replay::default(), Replay::default(), None);
    loop {
        let page = movements::after(&check.store, resource, end.version, MOVEMENTS).await?;
        for found in &page {
            let wrong = end.step(&found.movement);
            fault = fault.or(wrong);
            if end.version <= version {
                until_row = end;
            }
        }
        // Movements that are added during the reading are left to the next audit.
        let is_last = i64::try_from(page.len()).is_ok_and(|count| count < MOVEMENTS);
        if is_last || end.version > version {
            return Ok((until_row, end, fault));
        }
    }
}

/// Sets the quantities of a resource to those at the end of its journal (TR-17, TR-18), which is append-only and so the
/// truth. `None` when the row was changed meanwhile.
async fn rebuild(check: &Check, resource: ResourceRef, row: &Resource, end: Replay) -> Result<Option<Resource>, Error> {
    if !check.audit.is_repairing() {
        return Ok(None);
    }
    let is = Resource {
        version: end.version,
        on_hand: end.on_hand,
        reserved: end.reserved,
        moved_at: row.moved_at.max(end.moved_at),
        revision: row.revision + 1,
        ..row.clone()
    };
    let changed = Changed { key: resource, was: Some(row.clone()), is: is.clone() };
    match check.store.commit(&check.cx, resources::write(Commit::new(), &changed)).await {
        Ok(()) => Ok(Some(is)),
        // The row was changed meanwhile: left to the next audit.
        Err(StoreError::Conflict) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Name of a resource in findings.
pub(super) fn subject(resource: ResourceRef) -> String {
    let kind =
        ResourceKind::from(resource.kind).as_str_name().trim_start_matches("RESOURCE_KIND_").to_ascii_lowercase();
    format!("{kind} {}", resource.id)
}

fn describe(fault: &Fault) -> String {
    match fault {
        Fault::Gap { expected, found } => format!("version {expected} is missing; {found} follows instead"),
        Fault::Broken { version } => format!("version {version} does not follow from the previous version"),
        Fault::Negative { version } => format!("version {version} has a reserved quantity below 0"),
    }
}
