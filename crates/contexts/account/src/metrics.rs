//! Metrics of the account context.

use metrics::{counter, describe_counter};

const SIGN_INS_FAILED: &str = "pulse_account_sign_ins_failed_total";

/// Reason why a sign-in failed; the label `reason` of the counter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SignInFailure {
    WrongCode,
    WrongPassword,
    Locked,
    Busy,
}

/// Registers the HELP texts.
pub(crate) fn describe() {
    describe_counter!(
        "pulse_account_sign_ins_failed_total",
        "Failed sign-ins and registrations, by reason: wrong_code, wrong_password, locked or busy."
    );
}

/// Counts a failed sign-in.
pub(crate) fn sign_in_failed(failure: SignInFailure) {
    let reason = match failure {
        SignInFailure::WrongCode => "wrong_code",
        SignInFailure::WrongPassword => "wrong_password",
        SignInFailure::Locked => "locked",
        SignInFailure::Busy => "busy",
    };
    counter!(SIGN_INS_FAILED, "reason" => reason).increment(1);
}
