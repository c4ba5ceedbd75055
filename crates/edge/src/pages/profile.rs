//! Profiles of the process, for operators: CPU time, allocated memory, tasks.

use std::time::Duration;

use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use http::{HeaderValue, Response};
use pulse_contract::errors;
use pulse_kernel::{Error, Violation};
use pulse_telemetry::profile::{CPU_DURATION_MAX, ProfileError, cpu, heap};
use tokio::runtime::Handle;

use super::reply::{page_of, task_failed};
use crate::body::Body;

/// Default duration of a CPU profile.
const CPU_DURATION: Duration = Duration::from_secs(30);

/// A flame graph contains its style and script and loads nothing.
const FLAMEGRAPH_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// A profile.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Profile {
    /// CPU time by function. Query: `seconds`, 1 to 300, default 30; `format`, `flamegraph` (default) or `pprof`.
    Cpu,
    /// Allocated memory by function, for `pprof`.
    Heap,
    /// Tasks and threads, as text.
    Tasks,
}

impl Profile {
    /// Takes the profile; `query` is that of the request.
    pub(super) async fn answer(self, query: &str) -> Result<Response<Body>, Error> {
        match self {
            Self::Cpu => {
                let wanted = Wanted::parse(query)?;
                let profile = cpu(wanted.duration).await.map_err(refusal)?;
                if wanted.is_pprof {
                    return Ok(download(profile.pprof, "attachment; filename=\"cpu.pb\""));
                }
                let mut response = page_of("image/svg+xml", profile.flamegraph);
                let policy = HeaderValue::from_static(FLAMEGRAPH_POLICY);
                response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
                Ok(response)
            }
            Self::Heap => Ok(download(heap().await.map_err(refusal)?, "attachment; filename=\"heap.pb.gz\"")),
            Self::Tasks => {
                let runtime = Handle::current();
                let report = tokio::task::spawn_blocking(move || pulse_telemetry::runtime::report(&runtime));
                Ok(page_of("text/plain; charset=utf-8", report.await.map_err(task_failed)?))
            }
        }
    }
}

fn download(bytes: Vec<u8>, disposition: &'static str) -> Response<Body> {
    let mut response = page_of("application/octet-stream", bytes);
    response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    response
}

/// The options of the query.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    duration: Duration,
    is_pprof: bool,
}

impl Wanted {
    fn parse(query: &str) -> Result<Self, Error> {
        let mut wanted = Self { duration: CPU_DURATION, is_pprof: false };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("seconds", text) => {
                    wanted.duration =
                        seconds(text).ok_or_else(|| wrong("seconds", "must be a whole number from 1 to 300"))?
                }
                ("format", "pprof") => wanted.is_pprof = true,
                ("format", "flamegraph") => wanted.is_pprof = false,
                ("format", _) => return Err(wrong("format", "must be flamegraph or pprof")),
                (_, _) => return Err(wrong("query", "supports seconds and format")),
            }
        }
        Ok(wanted)
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let duration = Duration::from_secs(text.parse().ok()?);
    (!duration.is_zero() && duration <= CPU_DURATION_MAX).then_some(duration)
}

fn wrong(field: &'static str, message: &'static str) -> Error {
    let violation = Violation { field: field.into(), code: "query.value".into(), message: message.into() };
    errors::VALIDATION_FAILED.error("the query is not valid").with_violations([violation])
}

fn refusal(error: ProfileError) -> Error {
    match error {
        ProfileError::Busy => errors::OVERLOADED.error("another profile is in progress").retry_in(CPU_DURATION),
        ProfileError::NotBuilt => errors::UNIMPLEMENTED.error(
            "profiles need a binary with the feature `full`, heap profiles also the option `prof:true` of jemalloc",
        ),
        ProfileError::Failed(_) => errors::INTERNAL.error("the profiler failed").caused_by(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let wanted = |seconds, is_pprof| Some(Wanted { duration: Duration::from_secs(seconds), is_pprof });
        for (query, expected) in [
            ("", wanted(30, false)),
            ("seconds=5&format=pprof", wanted(5, true)),
            ("format=flamegraph&seconds=300", wanted(300, false)),
            ("seconds=0", None),
            ("seconds=301", None),
            ("seconds=x", None),
            ("format=png", None),
            ("second=5", None),
        ] {
            assert_eq!(Wanted::parse(query).ok(), expected, "{query:?}");
        }
    }
}
