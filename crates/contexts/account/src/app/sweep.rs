//! Deletes what has no meaning any more: old codes and old wrong guesses.

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, Store};

use crate::domain::{one_time_code, password};
use crate::store::{codes, passwords};

/// One round, at most once an hour is enough: rows that are not swept are only dead weight.
pub(crate) async fn sweep(store: &Store) -> Result<(), Error> {
    let now = store.clock().now();
    let commit = Commit::new()
        .write(passwords::forget_guesses(now.minus(password::FORGET_AFTER)))
        .write(codes::forget(now.minus(one_time_code::WINDOW)));
    Ok(store.commit(&Cx::system("account.sweep", now), commit).await?)
}
