//! Tries a one-time code on behalf of the use cases that need one.

use pulse_contract::account::v1::errors;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use crate::domain::one_time_code::{self, CodeState, Tried};
use crate::store::codes::{self, CodeRow};

/// A code that was right: what was read, and the state that makes it work no second time.
pub(super) struct RightCode {
    destination: String,
    read: CodeRow,
    spent: CodeState,
}

impl RightCode {
    /// Adds the write that spends the code to the commit that it pays for.
    pub(super) fn spend(&self, commit: Commit) -> Commit {
        codes::put(commit, &self.destination, Some(&self.read), &self.spent)
    }
}

/// Tries the code. A wrong try is written before it is refused, so that crashing does not give more tries.
pub(super) async fn verify_code(app: &App, cx: &Cx, destination: &str, code: &str) -> Result<RightCode, Error> {
    let store = &app.deps.store;
    let refused = || errors::ACCOUNT_CODE_INVALID.error("the code is wrong, was used, or is too old");
    let Some(read) = codes::of(store, destination).await? else { return Err(refused()) };
    let is_equal = |expected: &str| app.deps.secret.is_code(expected, destination, code);
    match one_time_code::attempt(&read.state, is_equal, cx.now) {
        Tried::Right(spent) => Ok(RightCode { destination: destination.to_owned(), read, spent }),
        Tried::Wrong(state) => {
            store.commit(cx, codes::put(Commit::new(), destination, Some(&read), &state)).await?;
            Err(refused())
        }
    }
}
