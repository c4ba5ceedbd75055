//! The journal of every resource, from its beginning.

use pulse_kernel::Error;
use pulse_store::{Commit, StoreError};

use super::{JOURNAL, QUANTITIES, Report, SUMS};
use crate::domain::journal::{Fault, Replay};
use crate::domain::ledger::Changed;
use crate::domain::resource::{Resource, ResourceRef};
use crate::store::movements;
use crate::store::resources::{self, ResourceRow};
use crate::wire;

/// How many resources are read at a time.
const RESOURCES: i64 = 500;
/// How many movements are read at a time.
const MOVEMENTS: i64 = 1_000;

pub(super) async fn check(report: &mut Report) -> Result<(), Error> {
    let (mut id, mut kind) = (i64::MIN, i64::MIN);
    loop {
        let rows = resources::after(&report.store, id, kind, RESOURCES).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        id = last.resource.id;
        kind = i32::from(wire::kind(last.resource.kind)).into();
        for found in rows {
            check_one(report, found).await?;
        }
    }
}

async fn check_one(report: &mut Report, found: ResourceRow) -> Result<(), Error> {
    let ResourceRow { resource, mut row } = found;
    let (until_row, end, fault) = replay(report, resource, row.version).await?;
    report.count(JOURNAL);
    report.count(SUMS);
    report.count(QUANTITIES);
    if let Some(fault) = &fault {
        report.find(JOURNAL, subject(resource), tell(fault), false);
    }
    let mut is_same =
        (until_row.version, until_row.on_hand, until_row.reserved) == (row.version, row.on_hand, row.reserved);
    if is_same && end.version > row.version {
        // It has moved since, or its row is older than its journal.
        let again = resources::by_ref(&report.store, resource).await?;
        is_same = again.is_none_or(|again| again.revision != row.revision);
    }
    if !is_same {
        let detail = format!(
            "version {}, {} on hand, {} reserved; the journal ends with version {}, {} on hand, {} reserved",
            row.version, row.on_hand, row.reserved, end.version, end.on_hand, end.reserved
        );
        let repaired = if fault.is_none() { rebuild(report, resource, &row, end).await? } else { None };
        report.find(SUMS, subject(resource), detail, repaired.is_some());
        row = repaired.unwrap_or(row);
    }
    if row.reserved < 0 || (row.available() < 0 && !row.was_oversell_allowed) {
        let detail = format!("{} on hand, {} reserved", row.on_hand, row.reserved);
        report.find(QUANTITIES, subject(resource), detail, false);
    }
    Ok(())
}

/// The journal up to the version of the row and to its end, and the first thing that is wrong with it.
async fn replay(
    report: &Report,
    resource: ResourceRef,
    version: i64,
) -> Result<(Replay, Replay, Option<Fault>), Error> {
    let (mut until_row, mut end, mut fault) = (Replay::default(), Replay::default(), None);
    loop {
        let page = movements::after(&report.store, resource, end.version, MOVEMENTS).await?;
        for found in &page {
            let wrong = end.step(&found.movement);
            fault = fault.or(wrong);
            if end.version <= version {
                until_row = end;
            }
        }
        // What comes in while it is read is not waited for.
        let is_last = i64::try_from(page.len()).is_ok_and(|count| count < MOVEMENTS);
        if is_last || end.version > version {
            return Ok((until_row, end, fault));
        }
    }
}

/// Gives a resource the quantities that its journal ends with (TR-17, TR-18): the journal is only ever added to, so it
/// is what happened.
async fn rebuild(
    report: &Report,
    resource: ResourceRef,
    row: &Resource,
    end: Replay,
) -> Result<Option<Resource>, Error> {
    if !report.is_repairing {
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
    match report.store.commit(&report.cx, resources::write(Commit::new(), &changed)).await {
        Ok(()) => Ok(Some(is)),
        // It moves: the next run looks again.
        Err(StoreError::Conflict) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// How a finding names a resource.
pub(super) fn subject(resource: ResourceRef) -> String {
    let kind = wire::kind(resource.kind).as_str_name().trim_start_matches("RESOURCE_KIND_").to_ascii_lowercase();
    format!("{kind} {}", resource.id)
}

fn tell(fault: &Fault) -> String {
    match fault {
        Fault::Gap { expected, found } => format!("version {expected} is missing, {found} comes instead"),
        Fault::Broken { version } => format!("version {version} does not follow from the one before it"),
        Fault::Negative { version } => format!("version {version} leaves less than nothing reserved"),
    }
}
