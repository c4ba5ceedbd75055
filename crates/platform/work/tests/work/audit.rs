//! Audits: pages, counts, the cap of findings, stable readings.

use std::cell::Cell;

use proptest::prelude::*;
use pulse_contract::errors;
use pulse_kernel::Error;
use pulse_kernel::finding::FINDINGS_MAX;
use pulse_work::{Audit, Pages, READINGS_MAX, read_stable};

#[test]
fn findings_are_capped_by_invariant_and_counts_are_not() {
    let mut audit = Audit::new(&["t.small", "t.none"], true);
    assert!(audit.is_repairing());
    for number in 0..FINDINGS_MAX + 5 {
        audit.checked("t.large", 1_u64);
        audit.found("t.large", format!("row {number}"), "wrong".to_owned(), number % 2 == 0);
    }
    audit.checked("t.small", 3_usize);
    audit.found("t.small", "row 1".to_owned(), "wrong".to_owned(), false);
    assert_eq!(usize::try_from(audit.repaired_count()).unwrap(), FINDINGS_MAX.div_ceil(2) + 3);
    let verified = audit.finish();
    let large = u64::try_from(FINDINGS_MAX + 5).unwrap();
    assert_eq!(verified.checked, [("t.small", 3), ("t.none", 0), ("t.large", large)]);
    let count = |invariant| verified.findings.iter().filter(|finding| finding.invariant == invariant).count();
    assert_eq!((count("t.large"), count("t.small")), (FINDINGS_MAX, 1));
    assert_eq!(verified.findings[1].subject, "row 1");
    assert!(verified.findings[0].is_repaired && !verified.findings[1].is_repaired);
}

/// A row and its version.
type Row = (u32, u32);

/// Reads a row that changes during its first readings.
async fn read(changes: u32, vanishes: bool) -> (Result<Option<(Row, u32)>, Error>, u32) {
    let (reading, related) = (Cell::new(0), Cell::new(0));
    let row = || async {
        // The first reading is followed by one for each attempt.
        let version = reading.get().min(changes);
        reading.set(reading.get() + 1);
        Ok(if vanishes && reading.get() > changes { None } else { Some((7, version)) })
    };
    let found = read_stable(row, |(_, version): Row| {
        related.set(related.get() + 1);
        async move { Ok::<_, Error>(version * 10) }
    })
    .await;
    (found, related.get())
}

#[tokio::test]
async fn a_row_is_read_until_two_readings_agree() {
    for changes in 0..READINGS_MAX {
        let (found, readings) = read(changes, false).await;
        assert_eq!(found.unwrap(), Some(((7, changes), changes * 10)), "{changes} changes");
        assert_eq!(readings, changes + 1);
    }
    let (found, readings) = read(READINGS_MAX, false).await;
    assert_eq!((found.unwrap(), readings), (None, READINGS_MAX), "it never stood still");
    assert_eq!(read(0, true).await.0.unwrap(), None, "there is none");
    assert_eq!(read(2, true).await.0.unwrap(), None, "it was deleted");
}

#[tokio::test]
async fn an_error_ends_the_readings() {
    let row = || async { Ok::<_, Error>(Some(1)) };
    let failed = read_stable(row, |_row| async { Err::<(), _>(errors::STORE_UNAVAILABLE.error("no database")) }).await;
    assert_eq!(failed.unwrap_err().code(), "STORE_UNAVAILABLE");
    let mut pages = Pages::after(0);
    let failed = pages.next(|_after| async { Err::<Vec<i64>, _>(errors::INTERNAL.error("wrong")) }, |row| *row).await;
    assert_eq!((failed.unwrap_err().code(), pages.row_count()), ("INTERNAL", 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every row is visited once, in order, whatever the size of a page; rows that come meanwhile are visited when they
    /// are behind the position.
    #[test]
    fn pages_visit_every_row_once(keys in prop::collection::btree_set(1..10_000_i64, 0..200), page_size in 1..50_usize) {
        let read = |after: i64| {
            let page: Vec<i64> = keys.iter().copied().filter(|key| *key > after).take(page_size).collect();
            async move { Ok::<_, Error>(page) }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (visited, count) = runtime.block_on(async {
            let (mut pages, mut visited) = (Pages::after(0), Vec::new());
            while let Some(page) = pages.next(read, |row| *row).await.unwrap() {
                assert!(!page.is_empty() && page.len() <= page_size);
                visited.extend(page);
            }
            (visited, pages.row_count())
        });
        prop_assert_eq!(u64::try_from(visited.len()).unwrap(), count);
        prop_assert_eq!(visited, keys.into_iter().collect::<Vec<_>>());
    }
}
