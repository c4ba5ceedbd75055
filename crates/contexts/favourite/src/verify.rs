//! Audit of the counts of favourites.

use pulse_kernel::{Error, Verified};
use pulse_store::Store;
use pulse_work::{Audit, Pages};

use crate::store::marks::{self, CountedRow};

/// Maximum number of rows that are read at once.
const PAGE: i64 = 500;

/// The count of an account is the number of its marks.
const ACCOUNTS: &str = "favourite.account_counts";
/// The count of a shop or product is the number of its marks.
const SUBJECTS: &str = "favourite.subject_counts";

/// Checks the invariants of the context. Each row is read together with its marks by one statement, so no reading has to
/// be repeated.
pub(crate) async fn verify(store: &Store) -> Result<Verified, Error> {
    let mut audit = Audit::new(&[ACCOUNTS, SUBJECTS], false);
    let mut pages = Pages::after(0);
    while let Some(page) = pages.next(|after| marks::accounts_after(store, after, PAGE), |row| row.id).await? {
        for row in page {
            check(&mut audit, ACCOUNTS, &row, || format!("account {}", row.id));
        }
    }
    audit.checked(ACCOUNTS, pages.row_count());
    let mut pages = Pages::after((0, 0));
    let key = |row: &CountedRow| (row.id, row.product);
    while let Some(page) = pages.next(|after| marks::subjects_after(store, after, PAGE), key).await? {
        for row in page {
            check(&mut audit, SUBJECTS, &row, || format!("shop {}, product {}", row.id, row.product));
        }
    }
    audit.checked(SUBJECTS, pages.row_count());
    Ok(audit.finish())
}

fn check(audit: &mut Audit, invariant: &'static str, row: &CountedRow, subject: impl Fn() -> String) {
    if row.counted != row.marks {
        let detail = format!("the count is {}, there are {} marks", row.counted, row.marks);
        audit.found(invariant, subject(), detail, false);
    }
}
