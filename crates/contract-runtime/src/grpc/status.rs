//! Coded errors as `google.rpc.Status` and back.

use std::collections::HashMap;

use pulse_kernel::{Error, Violation};
use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::catalogue::{grpc_code, kind_of, spec_of, spec_without_code};

/// The error as a status with ErrorInfo, and BadRequest and RetryInfo where they say something.
#[must_use]
pub fn status_of(error: &Error) -> Status {
    let spec = error.spec();
    let metadata: HashMap<String, String> =
        error.metadata().iter().map(|(key, value)| (key.clone().into_owned(), value.clone())).collect();
    let mut details = ErrorDetails::with_error_info(spec.code, spec.domain, metadata);
    if !error.violations().is_empty() {
        details.set_bad_request(error.violations().iter().map(field_violation).collect::<Vec<_>>());
    }
    if let Some(wait) = error.retry_after() {
        details.set_retry_info(Some(wait));
    }
    Status::with_error_details(grpc_code(spec.kind), error.detail(), details)
}

/// The error that a remote node answered with. An unknown code keeps its name and its kind.
#[must_use]
pub fn error_of(status: &Status) -> Error {
    let details = status.get_error_details();
    let kind = kind_of(status.code());
    let spec = match details.error_info() {
        Some(info) => spec_of(&info.reason, &info.domain, kind),
        None => spec_without_code(kind),
    };
    let mut error = match details.error_info() {
        Some(_) => spec.error(status.message().to_owned()),
        // Not ours: a broken connection, a proxy. What it says may name hosts, so it goes to the log.
        None => spec.error("the node that does this work did not answer properly").caused_by(status.clone()),
    };
    if let Some(info) = details.error_info() {
        let mut metadata: Vec<_> = info.metadata.iter().collect();
        metadata.sort_unstable();
        for (key, value) in metadata {
            error = error.with(key.clone(), value);
        }
    }
    if let Some(request) = details.bad_request() {
        error = error.with_violations(request.field_violations.iter().map(violation));
    }
    match details.retry_info().and_then(|info| info.retry_delay) {
        Some(wait) => error.retry_in(wait),
        None => error,
    }
}

fn field_violation(violation: &Violation) -> FieldViolation {
    FieldViolation {
        field: violation.field.clone().into_owned(),
        description: violation.message.clone().into_owned(),
        reason: violation.code.clone().into_owned(),
        localized_message: None,
    }
}

fn violation(violation: &FieldViolation) -> Violation {
    Violation {
        field: violation.field.clone().into(),
        code: violation.reason.clone().into(),
        message: violation.description.clone().into(),
    }
}
