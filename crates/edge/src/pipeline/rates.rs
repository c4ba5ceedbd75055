//! Rate limits of an rpc, asked of the gate with keys that are made without an allocation.

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
pub(crate) struct Rates {
    limits: Box<[Limit]>,
    /// What `RateLimit-Policy` says; it never changes.
    policy: Option<HeaderValue>,
}

#[derive(Debug)]
struct Limit {
    per: RatePer,
    name: &'static str,
    quota: Quota,
    /// The rpc and the place of the limit in its policy: what tells this limit from every other.
    place: [u8; PLACE_BYTES],
}

const PLACE_BYTES: usize = 17;
const SUBJECT_BYTES: usize = 16;

/// How close the caller is to a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    name: &'static str,
    remaining: u32,
    retry_after: Duration,
}

impl Rates {
    /// The limits of `spec`, each with so many times its count.
    pub(crate) fn of(spec: &MethodSpec, factor: NonZeroU32) -> Self {
        let rpc = Key::of("edge.rpc", spec.path.as_bytes()).to_bytes();
        let limits = spec.policy.rates.iter().zip(0_u8..).map(|(rate, index)| {
            let mut place = [index; PLACE_BYTES];
            place.iter_mut().zip(rpc).for_each(|(byte, rpc)| *byte = rpc);
            let quota = Quota::new(rate.count.saturating_mul(factor.get()), rate.window_ms);
            Limit { per: rate.per, name: name_of(rate.per), quota, place }
        });
        let limits: Box<[Limit]> = limits.collect();
        let policy = limits.iter().map(Limit::policy).collect::<Vec<_>>().join(", ");
        Self { policy: (!limits.is_empty()).then(|| policy.parse().ok()).flatten(), limits }
    }

    /// Counts one call against every limit; says how close the caller is to the nearest one.
    ///
    /// A gate that cannot answer lets everybody pass: limits protect us, and are not worth an outage.
    pub(crate) async fn check(
        &self,
        limiter: &dyn Limiter,
        actor: &Actor,
        ip: IpAddr,
        now: Timestamp,
    ) -> Result<Option<Standing>, (Standing, Error)> {
        let mut nearest: Option<Standing> = None;
        for limit in &self.limits {
            let decision = match limiter.check(limit.key(actor, ip), limit.quota, 1, now).await {
                Ok(decision) => decision,
                Err(error) => {
                    metrics::counter!("pulse_edge_gate_failures_total").increment(1);
                    tracing::warn!(story = error.report(), "a rate limit could not be checked; the call passes");
                    continue;
                }
            };
            let standing = limit.standing(decision);
            if !decision.is_allowed {
                let error = errors::RATE_LIMITED.error(format!("the limit per {} is reached", limit.name));
                return Err((standing, error.retry_in(decision.retry_after)));
            }
            if nearest.is_none_or(|nearest| standing.remaining < nearest.remaining) {
                nearest = Some(standing);
            }
        }
        Ok(nearest)
    }

    /// Writes the `RateLimit` headers (draft-ietf-httpapi-ratelimit-headers-10).
    pub(crate) fn write(&self, standing: Standing, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(standing.header()) {
            headers.insert(LIMIT, value);
        }
        if let Some(policy) = &self.policy {
            headers.insert(LIMIT_POLICY, policy.clone());
        }
    }
}

impl Standing {
    /// As the header has it. Put together by hand: nearly every answer carries it.
    fn header(self) -> String {
        let (mut remaining, mut wait) = (itoa::Buffer::new(), itoa::Buffer::new());
        let [remaining, wait] = match self.retry_after.is_zero() {
            true => [remaining.format(self.remaining), ""],
            false => ["0;t=", wait.format(ceil_seconds(self.retry_after))],
        };
        ["\"", self.name, "\";r=", remaining, wait].concat()
    }
}

impl Limit {
    fn standing(&self, decision: Decision) -> Standing {
        Standing { name: self.name, remaining: decision.remaining, retry_after: decision.retry_after }
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
        let mut name = [0; PLACE_BYTES + SUBJECT_BYTES];
        let (place, rest) = name.split_at_mut(PLACE_BYTES);
        place.copy_from_slice(&self.place);
        rest.copy_from_slice(&subject);
        Key::of(domain, &name)
    }
}

/// The address as a number; of IPv6 only the first 64 bits, since one caller has all the others.
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
