//! Audit of the invariants of the stock ledger, with repairs that lose no unit.
//!
//! It may run while stock is sold: the journal is compared up to the version of the row that was read, and sums only for
//! resources that did not change while they were computed.

mod journal;
mod reserved;

use pulse_kernel::{Cx, Error, Verified};
use pulse_store::Store;
use pulse_work::Audit;

/// The versions of a journal have no gaps, its quantities follow from each other, and none is below zero where it may not.
const JOURNAL: &str = "stock.journal_is_whole";
/// The quantities of a resource are those of the last movement of its journal.
const SUMS: &str = "stock.journal_sums_to_quantities";
/// The reserved quantity is not below zero, and not above the quantity on hand unless overselling was allowed.
const QUANTITIES: &str = "stock.quantities_are_possible";
/// The reserved quantity of a resource is the sum of its active reservations.
const RESERVED: &str = "stock.reserved_is_held";
/// A reservation that expires has a timer.
const EXPIRY: &str = "stock.what_expires_has_a_timer";

/// Checks all invariants. With `repair`, quantities are set to those of the journal and of the reservations, and missing
/// timers are set.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn verify(store: &Store, repair: bool) -> Result<Verified, Error> {
    let cx = Cx::system("stock.verify", store.clock().now());
    let audit = Audit::new(&[JOURNAL, SUMS, QUANTITIES, RESERVED, EXPIRY], repair);
    let mut check = Check { store: store.clone(), cx, audit };
    // The journal first: reserved quantities are compared with reservations after they agree with it.
    journal::check(&mut check).await?;
    reserved::check(&mut check).await?;
    Ok(check.audit.finish())
}

/// The audit and its access to the rows.
struct Check {
    store: Store,
    cx: Cx,
    audit: Audit,
}
