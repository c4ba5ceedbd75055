//! Load and benchmarks: open loop, percentiles, always beside a reference of the same run.
//!
//! There are four kinds of measurement. All except [`LoadRun`] result in a [`Measurement`]:
//!
//! - single requests to a server over HTTP ([`Load`]), at full speed or at a given arrival rate;
//! - visits of several requests that depend on each other ([`LoadRun`]), on a schedule;
//! - a function within the process ([`run_concurrent`]), called by many concurrent tasks;
//! - a job that runs once ([`Outcome::of_job`]).
//!
//! # How to read the numbers
//!
//! **Always a pair.** Machines differ and shared machines drift, so a rate alone says little. [`Paired`] runs the
//! subject and a reference in alternating rounds (A B A B ...) in the same run and reports the median of the
//! ratios of neighbouring rounds, which drift hardly touches.
//!
//! **Throughput from a closed loop, latency from an open one.** At full speed every connection waits for the server,
//! so the server decides when it is asked, and a stall delays one request per connection instead of all that users
//! would have sent meanwhile (coordinated omission). The percentiles therefore come from a second run: the
//! requests are due on a fixed schedule at [`LOAD_PERCENT`] percent of the measured maximum, and a latency
//! counts from the instant at which the request was *due*, however late it could be sent.
//!
//! An open-loop latency contains how late the generator itself was, some 0.1 ms; [`Outcome::service`] is without it.
//!
//! **A small client.** Generator and server share the same cores, so each microsecond that the client needs is
//! missing in the result. A general HTTP client is too heavy for that: hyper's took about 9 us of processor time
//! per request where this one takes 6.5, nine tenths of it in the kernel for the two system calls. It sends
//! prebuilt bytes and reads replies with a strict minimal reader: HTTP/1.1 keep-alive, `Content-Length` or chunked,
//! no pipelining, no TLS, no redirects, everything unexpected an error. It is a measuring device and must not be
//! used for anything else.
//!
//! # Example
//!
//! ```no_run
//! use pulse_bench::{Paired, Progress, Request, Requests, Side, table};
//!
//! # async fn measure(address: std::net::SocketAddr, tokens: &[String]) -> Result<(), pulse_bench::LoadError> {
//! let get = |path| Request::get("localhost", path);
//! let side = |label: &str, requests| Side { label: label.to_owned(), address, requests, refusal: None };
//! // Each user in turn reads their own profile.
//! let users = tokens.iter().map(|token| get("/v1/account/me").bearer(token).render()).collect();
//! let subject = side("GET /v1/account/me", Requests::cycle(users));
//! let reference = side("a constant route of the same server", Requests::one(get("/healthz").render()));
//! let paired = Paired::new("edge", 64);
//! let progress = Progress::on_stderr("edge", paired.steps());
//! let measurement = paired.run(&subject, &reference, &progress).await?;
//! progress.finish();
//! assert!(table(&[measurement.clone()]).contains("edge"));
//! assert!(measurement.to_json_line().starts_with('{'));
//! # Ok(())
//! # }
//! ```

mod columns;
mod concurrent;
mod connection;
mod load;
mod machine;
mod measurement;
mod outcome;
mod pace;
mod paired;
mod progress;
mod rates;
mod reply;
mod request;
mod visits;

pub use concurrent::run_concurrent;
pub use connection::{Connection, ExchangeError, Reply};
pub use load::{Bound, CONNECTIONS_MAX, Load, LoadError, Pace};
pub use machine::machine;
pub use measurement::{Measurement, table};
pub use outcome::Outcome;
pub use paired::{LOAD_PERCENT, Paired, Rounds, Side, alternate};
pub use progress::Progress;
pub use reply::Malformed;
pub use request::{Request, Requests};
pub use visits::{
    Arrivals, LoadReport, LoadRun, NextStep, Operation, Percentiles, ResponseStats, Scenario, Snapshot, Spacing,
};
