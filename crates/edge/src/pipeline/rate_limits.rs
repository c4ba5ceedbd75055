//! Rate limits of an rpc. The keys of the limiter are built without an allocation.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use pulse_contract::{MethodSpec, RatePer, errors};
use pulse_kernel::{Actor, Error, Timestamp};
use pulse_limiter::{Decision, Key, Limiter, Quota};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The rate limits of one rpc.
#[derive(Debug)]
pub(crate) struct RateLimits {
    limits: Box<[Limit]>,
    /// Value of the header `RateLimit-Policy`; it never changes.
    policy: Option<HeaderValue>,
}

#[derive(Debug)]
struct Limit {
    per: RatePer,
    name: &'static str,
    quota: Quota,
    /// The rpc and the index of the limit in its policy; unique per limit.
    scope: [u8; SCOPE_BYTES],
}

const SCOPE_BYTES: usize = 17;
const SUBJECT_BYTES: usize = 16;

/// State of one rate limit for one caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimitStatus {
    name: &'static str,
    quota: Quota,
    remaining: u32,
    retry_after: Duration,
}

impl RateLimits {
    /// The limits of `spec`; each count is multiplied by `factor`.
    pub(crate) fn of(spec: &MethodSpec, factor: NonZeroU32) -> Self {
        let rpc = Key::of("edge.rpc", spec.path.as_bytes()).to_bytes();
        let limits = spec.policy.rates.iter().zip(0_u8..).map(|(rate, index)| {
            let mut scope = [index; SCOPE_BYTES];
            scope.iter_mut().zip(rpc).for_each(|(byte, rpc)| *byte = rpc);
            let quota = Quota::new(rate.count.saturating_mul(factor.get()), rate.window_ms);
            Limit { per: rate.per, name: name_of(rate.per), quota, scope }
        });
        let limits: Box<[Limit]> = limits.collect();
        let policy = limits.iter().map(Limit::policy).collect::<Vec<_>>().join(", ");
        Self { policy: (!limits.is_empty()).then(|| policy.parse().ok()).flatten(), limits }
    }

    /// Counts one call against every limit and returns the state of the one with the fewest calls left.
    ///
    /// A call is allowed when the limiter fails: the limits protect the node and are not worth an outage.
    pub(crate) async fn check(
        &self,
        limiter: &dyn Limiter,
        actor: &Actor,
        ip: IpAddr,
        now: Timestamp,
    ) -> Result<Option<RateLimitStatus>, (RateLimitStatus, Error)> {
        let mut nearest: Option<RateLimitStatus> = None;
        for limit in &self.limits {
            let decision = match limiter.check(limit.key(actor, ip), limit.quota, 1, now).await {
                Ok(decision) => decision,
                Err(error) => {
                    metrics::counter!("pulse_edge_rate_limiter_errors_total").increment(1);
                    tracing::warn!(limit = limit.name, error = error.report(), "rate limit check failed; call allowed");
                    continue;
                }
            };
            let status = limit.status(decision);
            if !decision.is_allowed {
                return Err((status, status.error(decision.retry_after)));
            }
            if nearest.is_none_or(|nearest| status.remaining < nearest.remaining) {
                nearest = Some(status);
            }
        }
        Ok(nearest)
    }

    /// Writes the `RateLimit` headers (draft-ietf-httpapi-ratelimit-headers-10).
    pub(crate) fn write(&self, status: RateLimitStatus, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(status.header()) {
            headers.insert(LIMIT, value);
        }
        if let Some(policy) = &self.policy {
            headers.insert(LIMIT_POLICY, policy.clone());
        }
    }
}

impl RateLimitStatus {
    /// Value of the header `RateLimit`. Concatenated without formatting: nearly every response carries it.
    fn header(self) -> String {
        let (mut remaining, mut wait) = (itoa::Buffer::new(), itoa::Buffer::new());
        let [remaining, wait] = match self.retry_after.is_zero() {
            true => [remaining.format(self.remaining), ""],
            false => ["0;t=", wait.format(ceil_seconds(self.retry_after))],
        };
        ["\"", self.name, "\";r=", remaining, wait].concat()
    }

    fn error(self, retry_after: Duration) -> Error {
        let Quota { count, window_ms } = self.quota;
        let window = ceil_seconds(Duration::from_millis(u64::from(window_ms)));
        let detail = format!("at most {count} calls per {} in {window} s", self.name);
        errors::RATE_LIMITED.error(detail).retry_in(retry_after)
    }
}

impl Limit {
    const fn status(&self, decision: Decision) -> RateLimitStatus {
        let Decision { remaining, retry_after, .. } = decision;
        RateLimitStatus { name: self.name, quota: self.quota, remaining, retry_after }
    }

    fn policy(&self) -> String {
        let window = Duration::from_millis(u64::from(self.quota.window_ms));
        format!("\"{}\";q={};w={}", self.name, self.quota.count, ceil_seconds(window))
    }

    fn key(&self, actor: &Actor, ip: IpAddr) -> Key {
        let (domain, subject) = match (self.per, actor.account()) {
            (RatePer::Route, _) => ("edge.rate.route", [0; SUBJECT_BYTES]),
            (RatePer::User, Some(account)) => {
                ("edge.rate.user", u128::from(account.get().cast_unsigned()).to_be_bytes())
            }
            (RatePer::User, None) | (RatePer::Ip, _) => ("edge.rate.ip", network_of(ip).to_be_bytes()),
        };
        let mut name = [0; SCOPE_BYTES + SUBJECT_BYTES];
        let (scope, rest) = name.split_at_mut(SCOPE_BYTES);
        scope.copy_from_slice(&self.scope);
        rest.copy_from_slice(&subject);
        Key::of(domain, &name)
    }
}

/// The address as a number; of IPv6 only the first 64 bits, because one client usually owns all the others.
fn network_of(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits() >> 64 << 64,
    }
}

const fn name_of(per: RatePer) -> &'static str {
    match per {
        RatePer::User => "user",
        RatePer::Ip => "ip",
        RatePer::Route => "route",
    }
}

/// Whole seconds, rounded up, at least one.
pub(crate) fn ceil_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}
