//! Checks the invariants of the ledger on its rows, and repairs what can be repaired without losing a unit.
//!
//! It may run beside those who sell: the journal is compared up to the version of a row that was read, and sums only of
//! resources that did not move while they were summed up.

mod held;
mod journal;

use std::collections::BTreeMap;

use pulse_kernel::finding::FINDINGS_MAX;
use pulse_kernel::{Cx, Error, Finding, Verified};
use pulse_store::Store;

/// Versions of a journal have no gaps, its quantities follow from each other and are never below zero where they may not.
const JOURNAL: &str = "stock.journal_is_whole";
/// The quantities of a resource are those that its journal ends with.
const SUMS: &str = "stock.journal_sums_to_quantities";
/// Nothing is reserved below zero, and no more than there is where that was never allowed.
const QUANTITIES: &str = "stock.quantities_are_possible";
/// What is reserved is what reservations hold.
const HELD: &str = "stock.reserved_is_held";
/// What expires has a timer.
const EXPIRY: &str = "stock.what_expires_has_a_timer";

/// Checks everything, and repairs what it can when asked to.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub(crate) async fn verify(store: &Store, repair: bool) -> Result<Verified, Error> {
    let cx = Cx::system("stock.verify", store.clock().now());
    let mut report =
        Report { store: store.clone(), cx, is_repairing: repair, checked: BTreeMap::new(), findings: Vec::new() };
    // The journal first: what is reserved is compared with what it says.
    journal::check(&mut report).await?;
    held::check(&mut report).await?;
    Ok(Verified { checked: report.checked.into_iter().collect(), findings: report.findings })
}

/// What was looked at so far, and how.
struct Report {
    store: Store,
    cx: Cx,
    is_repairing: bool,
    checked: BTreeMap<&'static str, u64>,
    findings: Vec<Finding>,
}

impl Report {
    fn count(&mut self, invariant: &'static str) {
        *self.checked.entry(invariant).or_insert(0) += 1;
    }

    fn find(&mut self, invariant: &'static str, subject: String, detail: String, is_repaired: bool) {
        let known = self.findings.iter().filter(|finding| finding.invariant == invariant).count();
        if known < FINDINGS_MAX {
            self.findings.push(Finding { invariant, subject, detail, is_repaired });
        }
    }
}
