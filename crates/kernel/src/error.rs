//! One error type for every boundary: a stable code, one of eleven kinds, and whether to try again.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What went wrong, coarsely. The edge maps each kind to one HTTP and one gRPC status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request itself is wrong, whatever the state of the system.
    InvalidArgument,
    /// Nobody, or nobody that we know, is asking.
    Unauthenticated,
    /// We know who asks, and they may not.
    PermissionDenied,
    /// There is no such thing, or the caller may not know of it.
    NotFound,
    /// It exists already, with other content.
    AlreadyExists,
    /// The request is fine, the state of the system forbids it.
    FailedPrecondition,
    /// A race was lost; the same request may pass.
    Aborted,
    /// A limit was reached.
    ResourceExhausted,
    /// The time was over; the outcome may be unknown.
    DeadlineExceeded,
    /// Something that we depend on does not answer.
    Unavailable,
    /// Our own defect.
    Internal,
}

/// Whether trying again makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same request will get the same refusal.
    Never,
    /// Repeat at once with the same idempotency key.
    SameKey,
    /// Repeat later, with growing pauses.
    Backoff,
}

/// One entry of the error catalogue, generated from an `errors.proto`.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorSpec {
    /// `UPPER_SNAKE_CASE`, at most 63 characters, never reused.
    pub code: &'static str,
    /// Which part of Pulse answers with it, for example `account.pulse`.
    pub domain: &'static str,
    /// The kind, and with it the status on the wire.
    pub kind: Kind,
    /// Whether to try again.
    pub retry: Retry,
    /// A short title for people, in English.
    pub title: &'static str,
    /// The same title in Chinese.
    pub title_zh: &'static str,
    /// HTTP status where it is not the one of the kind; 0 otherwise.
    pub http: u16,
}

impl ErrorSpec {
    /// An error with this code. `detail` is public: name values of the caller's own request, never internals.
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

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for example `items[2].quantity`.
    pub field: Cow<'static, str>,
    /// Stable code of the rule, for example `string.max_len`.
    pub code: Cow<'static, str>,
    /// A sentence for a person.
    pub message: Cow<'static, str>,
}

/// A coded failure. `Display` shows what the caller may see; the source chain is for the log.
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

    /// What the caller may read about this occurrence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Public values that explain the occurrence, in the order in which they were added.
    #[must_use]
    pub fn metadata(&self) -> &[(Cow<'static, str>, String)] {
        &self.0.metadata
    }

    /// Everything that is wrong with the request, when the request is what is wrong.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// How long to wait before the next attempt, when we know.
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

    /// Adds what is wrong with the request.
    #[must_use]
    pub fn with_violations(mut self, violations: impl IntoIterator<Item = Violation>) -> Self {
        self.0.violations.extend(violations);
        self
    }

    /// Says how long to wait.
    #[must_use]
    pub fn retry_in(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Keeps the cause for the log; it never reaches the caller.
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
