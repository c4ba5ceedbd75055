//! The codes with which a cache answers, as the catalogue names them.

use pulse_kernel::{ErrorSpec, Kind, Retry};
pub(crate) static INTERNAL: ErrorSpec = ErrorSpec {
    code: "INTERNAL",
    domain: "pulse",
    kind: Kind::Internal,
    retry: Retry::Never,
    title: "",
    title_zh: "",
    http: 0,
};
pub(crate) static OVERLOADED: ErrorSpec = ErrorSpec {
    code: "OVERLOADED",
    domain: "pulse",
    kind: Kind::Unavailable,
    retry: Retry::Backoff,
    title: "",
    title_zh: "",
    http: 0,
};
pub(crate) static DEADLINE_EXCEEDED: ErrorSpec = ErrorSpec {
    code: "DEADLINE_EXCEEDED",
    domain: "pulse",
    kind: Kind::DeadlineExceeded,
    retry: Retry::SameKey,
    title: "",
    title_zh: "",
    http: 0,
};
