//! The engine of several nodes: the state of sales is in Redis 6.2 or later, or a compatible server.
//!
//! **Keys.** All keys of a sale are in one slot of a cluster. Each expires [`RedisAdmissionOptions::keep`] after its last
//! use; a call extends keys with less than half of that time left.
//!
//! | Key | Content | Created by | Extended by |
//! |---|---|---|---|
//! | `pulse:{sale:ID}:state` | open or loading, free units, stream entry by unconfirmed admission | `prepare` | `load`, `open`, `admit` |
//! | `pulse:{sale:ID}:buyers` | admission by buyer, negative after its units were released | `prepare` | the same |
//! | `pulse:{sale:ID}:unconfirmed` | stream of unconfirmed admissions, pending for the requesting node | `prepare` | the same |
//! | `pulse:{sale:ID}:dead` | stream of dead letters, about the newest 10 000 | `dead_letter` | `dead_letter` |
//!
//! If Redis evicts one of the keys, the whole sale counts as unknown.
//!
//! **Data loss.** Redis replicates after it responds. A promoted replica may lack the last admissions and admit their units
//! again: the durable count rejects these, and the buyer gets "sold out". Until the sale is loaded again, the engine may
//! also have fewer free units than the rows. The cluster driver repeats a call after a connection error, so
//! [`AdmissionEngine::add`] may take effect twice.
//!
//! **Blocking.** A script accesses one buyer or a bounded batch, and never iterates over a sale.
//! [`RedisAdmissionEngine::script_time`] returns the time spent in scripts; [`AdmissionEngine::measure`] records it (PL-23).

mod link;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use metrics::{Counter, Histogram, describe_counter, describe_gauge, describe_histogram};
use parking_lot::Mutex;
use pulse_contract::errors;
use pulse_kernel::Error;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, Value};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use self::link::{Line, Link};
use super::{AdmissionEngine, AdmissionRequest, ExistingAdmission, Loading, SaleStats, Unconfirmed, Verdict};
use crate::Answer;

pub use self::link::UrlError;

/// Maximum number of buyers or admissions of one script call: some hundred microseconds, and below the 8000 values that Lua
/// can unpack.
const CHUNK: usize = 1_000;
/// Number of concurrent chunks of a load.
const CHUNKS_IN_FLIGHT: usize = 4;
/// Approximate maximum number of dead letters of a sale; Redis trims whole nodes only.
const DEAD_LETTERS: u32 = 10_000;
/// Maximum number of units: Lua numbers are doubles, which are exact up to here.
const UNITS_MAX: u64 = 1 << 53;

/// Options of a [`RedisAdmissionEngine`].
#[derive(Clone, Debug)]
pub struct RedisAdmissionOptions {
    /// `redis://host:port/db`, `redis+sentinel://host:port,host:port/service` or `redis+cluster://host:port,host:port`;
    /// `rediss` for TLS; `user:password@` before the hosts. With TLS the process must install a crypto provider first.
    pub url: String,
    /// Name of this node, unique among the nodes of the engine.
    pub consumer: String,
    /// Maximum number of concurrent calls; further ones fail immediately. Default 4096.
    pub calls_max: usize,
    /// Timeout of a call, including the search for another server. Default 1 s.
    pub timeout: Duration,
    /// Time to live of an unused sale. Default 2 days.
    pub keep: Duration,
}

impl RedisAdmissionOptions {
    /// Options with the default limits.
    #[must_use]
    pub fn new(url: impl Into<String>, consumer: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            consumer: consumer.into(),
            calls_max: 4_096,
            timeout: Duration::from_secs(1),
            keep: Duration::from_secs(2 * 86_400),
        }
    }
}

/// Number and total time of the scripts on the servers, of all clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScriptTime {
    /// Number of script calls.
    pub calls: u64,
    /// Total time of these calls.
    pub total: Duration,
}

impl ScriptTime {
    /// Mean time of a script since an earlier measurement; `None` without calls, or after a restart of the servers.
    #[must_use]
    pub fn mean_since(self, before: Self) -> Option<Duration> {
        let calls = u32::try_from(self.calls.checked_sub(before.calls)?).unwrap_or(u32::MAX);
        self.total.checked_sub(before.total)?.checked_div(calls)
    }
}

/// Time budget of a script: Redis runs one at a time.
const SCRIPT_BUDGET: Duration = Duration::from_micros(250);

/// An [`AdmissionEngine`] with its state in Redis.
pub struct RedisAdmissionEngine {
    /// The previous measurement.
    seen: Mutex<ScriptTime>,
    link: Arc<Link>,
    scripts: Scripts,
    permits: Semaphore,
    timeout: Duration,
    consumer: String,
    keep_ms: u64,
    round_trip: Histogram,
    failures: Counter,
}

/// A script and its SHA-1, by which Redis caches it.
pub(super) struct Script {
    code: &'static str,
    pub(super) hash: String,
}

impl Script {
    fn new(code: &'static str) -> Self {
        Self { code, hash: redis::Script::new(code).get_hash().to_owned() }
    }
}

macro_rules! scripts {
    ($($name:ident)*) => {
        pub(super) struct Scripts {
            $(pub(super) $name: Script,)*
        }

        impl Scripts {
            fn new() -> Self {
                Self { $($name: Script::new(include_str!(concat!("lua/", stringify!($name), ".lua"))),)* }
            }
        }
    };
}
scripts! { admit cancel release prepare load open add close stats confirm claim_unconfirmed dead_letter }

/// Last part of the keys of a sale.
const STATE: &str = "state";
const BUYERS: &str = "buyers";
const UNCONFIRMED: &str = "unconfirmed";
const DEAD: &str = "dead";
const ALL: &[&str] = &[STATE, BUYERS, UNCONFIRMED];

impl RedisAdmissionEngine {
    /// An engine that connects with its first call.
    ///
    /// # Errors
    /// When the URL is not valid.
    pub fn new(options: RedisAdmissionOptions) -> Result<Self, UrlError> {
        describe_histogram!(
            "pulse_admission_round_trip_seconds",
            "Round trip time of calls of the admission engine to Redis."
        );
        describe_counter!("pulse_admission_errors_total", "Failed calls of the admission engine to Redis.");
        describe_gauge!(
            "pulse_admission_script_seconds",
            "Mean time of an admission script in Redis since the previous measurement."
        );
        describe_counter!(
            "pulse_admission_script_over_budget_total",
            "Measurements with a mean script time above the budget of 250 microseconds."
        );
        Ok(Self {
            seen: Mutex::default(),
            link: Arc::new(Link::new(&options.url, options.timeout)?),
            scripts: Scripts::new(),
            permits: Semaphore::new(options.calls_max.min(Semaphore::MAX_PERMITS)),
            timeout: options.timeout,
            consumer: options.consumer,
            keep_ms: u64::try_from(options.keep.as_millis()).unwrap_or(u64::MAX),
            round_trip: metrics::histogram!("pulse_admission_round_trip_seconds"),
            failures: metrics::counter!("pulse_admission_errors_total"),
        })
    }

    /// Time of scripts since the start of the servers, from their statistics.
    ///
    /// # Errors
    /// `GATE_UNAVAILABLE`.
    pub async fn script_time(&self) -> Result<ScriptTime, Error> {
        let stats: Value = self.send(|| Cmd::new().arg("INFO").arg("commandstats").to_owned()).await?;
        let mut time = ScriptTime::default();
        add_script_time(&stats, &mut time);
        Ok(time)
    }

    /// Sets `pulse_admission_script_seconds` to the mean since the previous measurement, and counts a mean above the budget.
    async fn measure_scripts(&self) -> Result<(), Error> {
        let time = self.script_time().await?;
        let before = std::mem::replace(&mut *self.seen.lock(), time);
        if let Some(mean) = time.mean_since(before) {
            metrics::gauge!("pulse_admission_script_seconds").set(mean.as_secs_f64());
            metrics::counter!("pulse_admission_script_over_budget_total").increment((mean > SCRIPT_BUDGET).into());
        }
        Ok(())
    }

    /// Runs a script with the keys of a sale. Its text is sent only if Redis does not have the script.
    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        sale: i64,
        parts: &[&str],
        args: impl Fn(&mut Cmd) + Send + Sync,
    ) -> Result<T, Error> {
        let command = |verb: &str, text: &str| {
            let mut cmd = invocation(verb, text, sale, parts);
            args(&mut cmd);
            cmd
        };
        self.send_or_else(|| command("EVALSHA", &script.hash), || command("EVAL", script.code)).await
    }

    async fn send<T: FromRedisValue>(&self, command: impl Fn() -> Cmd + Send + Sync) -> Result<T, Error> {
        self.send_or_else(&command, &command).await
    }

    /// Sends `command`; if Redis does not have the script, sends `instead`.
    async fn send_or_else<T: FromRedisValue>(
        &self,
        command: impl Fn() -> Cmd + Send + Sync,
        instead: impl Fn() -> Cmd + Send + Sync,
    ) -> Result<T, Error> {
        let Ok(_permit) = self.permits.try_acquire() else {
            return Err(self.failed("too many concurrent calls"));
        };
        let begun = Instant::now();
        let deadline = tokio::time::Instant::from_std(begun + self.timeout);
        let line = match timeout_at(deadline, self.link.line()).await {
            Ok(Ok(line)) => line,
            Ok(Err(error)) => return Err(self.failed(error)),
            Err(late) => return Err(self.failed(late)),
        };
        let mut wire = line.wire.clone();
        let asked = async {
            match command().query_async(&mut wire).await {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    instead().query_async(&mut wire).await
                }
                answered => answered,
            }
        };
        let answered = timeout_at(deadline, asked).await;
        self.round_trip.record(begun.elapsed());
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.drop_if_broken(&line, &error);
                Err(self.failed(error))
            }
            Err(late) => {
                self.link.give_up(&line);
                Err(self.failed(late))
            }
        }
    }

    /// Drops the connection if a new one may lead to a server that can run the call.
    fn drop_if_broken(&self, line: &Line, error: &RedisError) {
        // A primary that became a replica, or is cut off from the other servers, still responds.
        let is_elsewhere = matches!(error.code(), Some("READONLY" | "MASTERDOWN" | "CLUSTERDOWN" | "NOREPLICAS"));
        if is_elsewhere || error.is_unrecoverable_error() || error.is_io_error() {
            self.link.give_up(line);
        }
    }

    fn failed(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.failures.increment(1);
        errors::GATE_UNAVAILABLE.error("the admission engine is temporarily unavailable").caused_by(cause)
    }

    async fn admit(&self, request: AdmissionRequest) -> Result<Verdict, Error> {
        let answer = self.run(&self.scripts.admit, request.sale, ALL, |cmd| {
            cmd.arg(request.buyer).arg(request.admission).arg(request.units).arg(&self.consumer).arg(self.keep_ms);
        });
        Ok(match answer.await? {
            0_i64 => Verdict::Admitted,
            -1 => Verdict::SoldOut,
            -2 => Verdict::NoSale,
            admission => Verdict::Duplicate { admission },
        })
    }

    /// Sends the script of all `requests` in one pipeline, without limits: the upper bound for the benchmark.
    pub(super) async fn admit_bare(&self, requests: &[AdmissionRequest]) -> Result<(), Error> {
        let mut pipeline = redis::Pipeline::with_capacity(requests.len());
        for request in requests {
            let mut cmd = invocation("EVALSHA", &self.scripts.admit.hash, request.sale, ALL);
            cmd.arg(request.buyer).arg(request.admission).arg(request.units).arg(&self.consumer).arg(self.keep_ms);
            pipeline.add_command(cmd).ignore();
        }
        let mut wire = self.link.line().await.map_err(|error| self.failed(error))?.wire;
        pipeline.query_async(&mut wire).await.map_err(|error| self.failed(error))
    }

    async fn run_for(&self, script: &Script, request: AdmissionRequest) -> Result<bool, Error> {
        let args = |cmd: &mut Cmd| {
            cmd.arg(request.buyer).arg(request.admission).arg(request.units);
        };
        self.run(script, request.sale, ALL, args).await
    }

    async fn prepare(&self, sale: i64) -> Result<Loading, Error> {
        let loading = Loading { sale, token: rand::random() };
        let args = |cmd: &mut Cmd| {
            cmd.arg(loading.token).arg(self.keep_ms);
        };
        self.run::<()>(&self.scripts.prepare, sale, ALL, args).await.map(|()| loading)
    }

    async fn load(&self, loading: Loading, known: &[ExistingAdmission]) -> Result<bool, Error> {
        for together in known.chunks(CHUNK * CHUNKS_IN_FLIGHT) {
            let chunks = together.chunks(CHUNK).map(|chunk| self.load_chunk(loading, chunk));
            if !try_join_all(chunks).await?.into_iter().all(|is_ours| is_ours) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn load_chunk(&self, loading: Loading, chunk: &[ExistingAdmission]) -> Result<bool, Error> {
        let args = |cmd: &mut Cmd| {
            cmd.arg(loading.token).arg(self.keep_ms);
            for known in chunk {
                // The scripts store released units the same way.
                let sign = if known.units == 0 { -1 } else { 1 };
                cmd.arg(known.buyer).arg(sign * known.admission);
            }
        };
        self.run(&self.scripts.load, loading.sale, ALL, args).await
    }

    async fn open(&self, loading: Loading, free: u64) -> Result<bool, Error> {
        let args = |cmd: &mut Cmd| {
            cmd.arg(loading.token).arg(free.min(UNITS_MAX)).arg(self.keep_ms);
        };
        self.run(&self.scripts.open, loading.sale, ALL, args).await
    }

    async fn stats(&self, sale: i64) -> Result<Option<SaleStats>, Error> {
        let stats: Option<(i64, u64)> = self.run(&self.scripts.stats, sale, &[STATE, BUYERS], |_| ()).await?;
        Ok(stats.map(|(free, buyers)| SaleStats { free, buyers }))
    }

    async fn confirm(&self, sale: i64, admissions: &[i64]) -> Result<(), Error> {
        for chunk in admissions.chunks(CHUNK) {
            let args = |cmd: &mut Cmd| {
                cmd.arg(chunk);
            };
            self.run::<()>(&self.scripts.confirm, sale, &[STATE, UNCONFIRMED], args).await?;
        }
        Ok(())
    }

    async fn claim_unconfirmed(&self, sale: i64, idle_for: Duration, max: u32) -> Result<Vec<Unconfirmed>, Error> {
        let idle_ms = u64::try_from(idle_for.as_millis()).unwrap_or(u64::MAX);
        let args = |cmd: &mut Cmd| {
            cmd.arg(&self.consumer).arg(idle_ms).arg(max);
        };
        let taken: Vec<(i64, i64, u32, u32)> =
            self.run(&self.scripts.claim_unconfirmed, sale, &[UNCONFIRMED], args).await?;
        let each = |(buyer, admission, units, attempts)| Unconfirmed {
            request: AdmissionRequest { sale, buyer, admission, units },
            attempts,
        };
        Ok(taken.into_iter().map(each).collect())
    }

    async fn dead_letter(&self, sale: i64, admission: i64, error: &str) -> Result<bool, Error> {
        let args = |cmd: &mut Cmd| {
            cmd.arg(admission).arg(&self.consumer).arg(error).arg(self.keep_ms).arg(DEAD_LETTERS);
        };
        self.run(&self.scripts.dead_letter, sale, &[STATE, UNCONFIRMED, DEAD], args).await
    }
}

/// Command, script and keys of a call.
pub(super) fn invocation(verb: &str, text: &str, sale: i64, parts: &[&str]) -> Cmd {
    let mut cmd = Cmd::new();
    cmd.arg(verb).arg(text).arg(parts.len());
    let mut key = format!("pulse:{{sale:{sale}}}:");
    let prefix = key.len();
    for part in parts {
        key.truncate(prefix);
        key.push_str(part);
        cmd.arg(&key);
    }
    cmd
}

/// Adds the script statistics of each server, lines such as `cmdstat_evalsha:calls=7,usec=31,usec_per_call=4.43,...`.
fn add_script_time(stats: &Value, time: &mut ScriptTime) {
    if let Value::Map(servers) = stats {
        servers.iter().for_each(|(_, one)| add_script_time(one, time));
    }
    let Ok(text) = String::from_redis_value_ref(stats) else { return };
    for line in text.lines().filter(|line| line.starts_with("cmdstat_eval")) {
        let number = |name: &str| {
            let (_, rest) = line.split_once(name)?;
            rest.split(',').next()?.parse::<u64>().ok()
        };
        time.calls += number("calls=").unwrap_or_default();
        time.total += Duration::from_micros(number("usec=").unwrap_or_default());
    }
}

impl AdmissionEngine for RedisAdmissionEngine {
    fn is_external(&self) -> bool {
        true
    }

    fn measure(&self) -> Answer<'_, ()> {
        Answer::later(self.measure_scripts())
    }

    fn admit(&self, request: AdmissionRequest) -> Answer<'_, Verdict> {
        Answer::later(Self::admit(self, request))
    }

    fn cancel(&self, request: AdmissionRequest) -> Answer<'_, bool> {
        Answer::later(self.run_for(&self.scripts.cancel, request))
    }

    fn release(&self, request: AdmissionRequest) -> Answer<'_, bool> {
        Answer::later(self.run_for(&self.scripts.release, request))
    }

    fn prepare(&self, sale: i64) -> Answer<'_, Loading> {
        Answer::later(Self::prepare(self, sale))
    }

    fn load<'a>(&'a self, loading: Loading, known: &'a [ExistingAdmission]) -> Answer<'a, bool> {
        Answer::later(Self::load(self, loading, known))
    }

    fn open(&self, loading: Loading, free: u64) -> Answer<'_, bool> {
        Answer::later(Self::open(self, loading, free))
    }

    fn add(&self, sale: i64, units: i64) -> Answer<'_, ()> {
        let args = move |cmd: &mut Cmd| {
            cmd.arg(units);
        };
        Answer::later(self.run(&self.scripts.add, sale, &[STATE], args))
    }

    fn close(&self, sale: i64) -> Answer<'_, ()> {
        Answer::later(self.run(&self.scripts.close, sale, ALL, |_| ()))
    }

    fn stats(&self, sale: i64) -> Answer<'_, Option<SaleStats>> {
        Answer::later(Self::stats(self, sale))
    }

    fn confirm<'a>(&'a self, sale: i64, admissions: &'a [i64]) -> Answer<'a, ()> {
        Answer::later(Self::confirm(self, sale, admissions))
    }

    fn claim_unconfirmed(&self, sale: i64, idle_for: Duration, max: u32) -> Answer<'_, Vec<Unconfirmed>> {
        Answer::later(Self::claim_unconfirmed(self, sale, idle_for, max))
    }

    fn dead_letter<'a>(&'a self, sale: i64, admission: i64, error: &'a str) -> Answer<'a, bool> {
        Answer::later(Self::dead_letter(self, sale, admission, error))
    }
}

impl fmt::Debug for RedisAdmissionEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisAdmissionEngine").field("consumer", &self.consumer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_time_covers_the_calls_between_two_measurements() {
        let time = |calls, micros| ScriptTime { calls, total: Duration::from_micros(micros) };
        assert_eq!(time(14, 90).mean_since(time(4, 50)), Some(Duration::from_micros(4)));
        assert_eq!(time(4, 50).mean_since(time(4, 50)), None, "without calls");
        assert_eq!(time(2, 10).mean_since(time(4, 50)), None, "after a restart");
    }
}
