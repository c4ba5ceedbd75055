//! Copies of one error for several callers.

use std::fmt;
use std::sync::Arc;

use pulse_kernel::Error;

/// A copy of the error of a load for one of its callers. Code, detail, metadata and retry delay are equal; the cause is
/// shared.
pub(crate) fn share(original: &Arc<Error>) -> Error {
    let mut error = original.spec().error(original.detail().to_owned());
    for (key, value) in original.metadata() {
        error = error.with(key.clone(), value);
    }
    error = error.with_violations(original.violations().iter().cloned());
    if let Some(wait) = original.retry_after() {
        error = error.retry_in(wait);
    }
    match std::error::Error::source(&**original) {
        Some(_) => error.caused_by(Cause(Arc::clone(original))),
        None => error,
    }
}

/// The cause of the original error, which only the original can own.
#[derive(Debug)]
struct Cause(Arc<Error>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::error::Error::source(&*self.0) {
            Some(cause) => fmt::Display::fmt(cause, f),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0).and_then(std::error::Error::source)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use pulse_contract::errors;

    #[test]
    fn a_copied_error_has_the_same_report() {
        let original = errors::INTERNAL
            .error("no answer")
            .with("shop", 7)
            .retry_in(Duration::from_secs(2))
            .caused_by("the disk is gone");
        let original = Arc::new(original);
        let copy = share(&original);
        assert_eq!(copy.report(), original.report());
        assert_eq!(copy.metadata(), original.metadata());
        assert_eq!((copy.code(), copy.retry_after()), (original.code(), original.retry_after()));
    }
}
