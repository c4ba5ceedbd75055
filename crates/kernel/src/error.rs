//! The error type of all boundaries: a stable code, one of eleven kinds, and advice about retries.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Kind of an error. The edge maps each kind to one HTTP and one gRPC status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is invalid in every state of the system.
    InvalidArgument,
    /// The request has no valid credentials.
    Unauthenticated,
    /// The caller is known and not allowed.
    PermissionDenied,
    /// The resource does not exist, or the caller may not see it.
    NotFound,
    /// The resource exists already with different content.
    AlreadyExists,
    /// The request is valid, but the current state does not allow it.
    FailedPrecondition,
    /// A concurrent change won; the same request may succeed.
    Aborted,
    /// A limit is reached.
    ResourceExhausted,
    /// The deadline passed; the outcome may be unknown.
    DeadlineExceeded,
    /// A dependency is unavailable, or the node is overloaded.
    Unavailable,
    /// A defect of Pulse.
    Internal,
}

/// Advice to the client about retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same request gets the same error.
    Never,
    /// Repeat immediately with the same idempotency key.
    SameKey,
    /// Repeat later with increasing delays.
    Backoff,
}

/// One entry of the error catalogue, generated from an `errors.proto`.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorSpec {
    /// `UPPER_SNAKE_CASE`, at most 63 characters, never reused.
    pub code: &'static str,
    /// Domain of the code, for example `account.pulse`.
    pub domain: &'static str,
    /// Kind; it decides the HTTP and gRPC status.
    pub kind: Kind,
    /// Advice about retries.
    pub retry: Retry,
    /// Short title for people, in English.
    pub title: &'static str,
    /// The title in Chinese.
    pub title_zh: &'static str,
    /// HTTP status that overrides the status of the kind; 0 means the status of the kind.
    pub http: u16,
}

impl ErrorSpec {
    /// An error with this code. `detail` is public: it states the rule and the value, and contains no internals.
    #[must_use]
    pub fn error(&'static self, detail: impl Into<Cow<'static, str>>) -> Error {
        Error(Box::new(Inner {
            spec: self,
            detail: detail.into(),
            metadata: Vec::new(),
            violations: Vec::new(),
            retry_after: None,
            source: None,
        }))
    }
}

/// One violated rule of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for example `items[2].quantity`.
    pub field: Cow<'static, str>,
    /// Stable code of the rule, for example `string.max_len`.
    pub code: Cow<'static, str>,
    /// Explanation for people.
    pub message: Cow<'static, str>,
}

/// An error with a code. `Display` shows the public part; the chain of sources is for the log.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    spec: &'static ErrorSpec,
    detail: Cow<'static, str>,
    metadata: Vec<(Cow<'static, str>, String)>,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// The catalogue entry.
    #[must_use]
    pub fn spec(&self) -> &'static ErrorSpec {
        self.0.spec
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.spec.code
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.spec.kind
    }

    /// Public explanation of this occurrence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Public values of this occurrence, in the order in which they were added.
    #[must_use]
    pub fn metadata(&self) -> &[(Cow<'static, str>, String)] {
        &self.0.metadata
    }

    /// The violated rules of an invalid request.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// Time to wait before a retry, if known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Adds a public value.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl fmt::Display) -> Self {
        self.0.metadata.push((key.into(), value.to_string()));
        self
    }

    /// Adds violated rules.
    #[must_use]
    pub fn with_violations(mut self, violations: impl IntoIterator<Item = Violation>) -> Self {
        self.0.violations.extend(violations);
        self
    }

    /// Changes each violated rule, for example when the caller knows a field by another path.
    #[must_use]
    pub fn map_violations(mut self, change: impl FnMut(Violation) -> Violation) -> Self {
        self.0.violations = self.0.violations.into_iter().map(change).collect();
        self
    }

    /// Sets the time to wait before a retry.
    #[must_use]
    pub fn retry_in(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Sets the cause, for the log; the client never gets it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The error and its chain of causes, separated by `: `, for the log.
    #[must_use]
    pub fn report(&self) -> String {
        let mut report = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            report.push_str(": ");
            report.push_str(&error.to_string());
            cause = error.source();
        }
        report
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.spec.code, self.0.detail)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| -> &(dyn std::error::Error + 'static) { source })
    }
}
