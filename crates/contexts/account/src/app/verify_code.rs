//! Checks a one-time code for the use cases that need one.

use pulse_contract::account::v1::errors;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use crate::domain::one_time_code::{self, Attempt, CodeState};
use crate::metrics::{self, SignInFailure};
use crate::store::codes::{self, CodeRow};

/// A right code, with the state that makes it invalid afterwards.
pub(super) struct RightCode {
    destination: String,
    read: CodeRow,
    spent: CodeState,
}

impl RightCode {
    /// Adds the write that invalidates the code.
    pub(super) fn spend(&self, commit: Commit) -> Commit {
        codes::put(commit, &self.destination, Some(&self.read), &self.spent)
    }
}

/// Checks the code. A failed attempt is committed before the refusal, so that a crash does not give it back.
pub(super) async fn verify_code(app: &App, cx: &Cx, destination: &str, code: &str) -> Result<RightCode, Error> {
    let store = &app.deps.store;
    let Some(read) = codes::of(store, destination).await? else { return Err(refused()) };
    let is_equal = |expected: &str| app.deps.secret.is_code(expected, destination, code);
    match one_time_code::attempt(&read.state, is_equal, cx.now) {
        Attempt::Right(spent) => Ok(RightCode { destination: destination.to_owned(), read, spent }),
        Attempt::Wrong(state) => {
            store.commit(cx, codes::put(Commit::new(), destination, Some(&read), &state)).await?;
            Err(refused())
        }
    }
}

fn refused() -> Error {
    metrics::sign_in_failed(SignInFailure::WrongCode);
    errors::ACCOUNT_CODE_INVALID.error("the code is wrong, already used or expired")
}
