//! Days with a check-in, one row per account and month.

use std::collections::BTreeMap;

use pulse_contract::errors;
use pulse_kernel::id::AccountId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, stored_number, values};

use crate::domain::check_in::Month;

stored_number! {
    Month: Month::number, |number| Some(Month::from_number(number));
}

/// The bits of the months from `first` to `last`, both included; a month without check-ins is missing.
pub(crate) async fn between(
    store: &Store,
    account: AccountId,
    first: Month,
    last: Month,
) -> Result<BTreeMap<Month, u32>, StoreError> {
    let query = Statement::new(
        "SELECT month, day_bits FROM account_check_ins WHERE account_id = ? AND month BETWEEN ? AND ?",
        values![account, first, last],
    );
    Ok(store.all::<(Month, u32)>(query).await?.into_iter().collect())
}

/// Adds the write that replaces the bits of a month; a change after `read` makes it a conflict.
pub(crate) fn put(commit: Commit, account: AccountId, month: Month, read: Option<u32>, bits: u32) -> Commit {
    match read {
        None => commit
            .insert(
                Insert::into("account_check_ins", &["account_id", "month", "day_bits"])
                    .row(values![account, month, bits]),
            )
            .duplicate_is(&errors::STORE_CONTENDED),
        Some(read) => commit
            .write(Statement::new(
                "UPDATE account_check_ins SET day_bits = ? WHERE account_id = ? AND month = ? AND day_bits = ?",
                values![bits, account, month, read],
            ))
            .expect_rows(1),
    }
}
