//! Configuration of the edge. Every key has a default; unknown keys are rejected.
//!
//! Durations are written as `"10s"` or `"250ms"`, sizes as `"1 MiB"` or as a number of bytes, networks as `"10.0.0.0/8"`.

mod cidr;
mod size;

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use cidr::any_contains;
pub use cidr::{Cidr, CidrError};
pub use size::{ByteSize, ByteSizeError};

/// Configuration of the edge.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeConfig {
    /// Base URL under which clients reach the node, for example `https://api.shop.example`, for links in responses.
    /// Default empty: links are relative to the host of the request.
    pub public_url: String,
    /// Limits of one request and one connection.
    pub limits: Limits,
    /// Limits of concurrent work.
    pub capacity: Capacity,
    /// Lists of client addresses.
    pub access: Access,
    /// Cross-origin requests of web pages.
    pub cors: Cors,
    /// Shutdown.
    pub drain: Drain,
    /// Format of responses.
    pub replies: Replies,
    /// Whether a POST of an rpc with saved responses must carry an `Idempotency-Key`. Default false.
    pub is_idempotency_key_required: bool,
}

impl EdgeConfig {
    /// Checks the values; the error names the key without `edge.`, the rule and the value.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { public_url, limits, capacity, replies, cors, .. } = self;
        if limits.header_bytes_max < HEADER_BYTES_MIN {
            let size = limits.header_bytes_max;
            return Err(format!("limits.header_bytes_max must be at least {HEADER_BYTES_MIN}, got {size}"));
        }
        for (key, duration) in [
            ("limits.header_timeout", limits.header_timeout),
            ("limits.body_timeout", limits.body_timeout),
            ("replies.heartbeat", replies.heartbeat),
        ] {
            if duration.is_zero() {
                return Err(format!("{key} must be longer than 0s"));
            }
        }
        let (per_rpc, all) = (capacity.calls_per_rpc_max, capacity.calls_max);
        if per_rpc > all {
            return Err(format!("capacity.calls_per_rpc_max must be at most calls_max, {all}, got {per_rpc}"));
        }
        let is_url = |text: &str| text.contains("://") && !text.ends_with('/');
        if let Some(origin) = cors.origins.iter().find(|origin| *origin != "*" && !is_url(origin)) {
            return Err(format!("cors.origins must be * or like https://shop.example, got {origin}"));
        }
        if !public_url.is_empty() && !is_url(public_url) {
            return Err(format!("public_url must be like https://api.shop.example, got {public_url}"));
        }
        Ok(())
    }
}

/// The HTTP/1.1 parser supports no smaller buffer.
const HEADER_BYTES_MIN: ByteSize = ByteSize::kib(8);

/// Limits of one request and one connection.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Maximum size of the request line and the headers; larger ones are answered with 431. At least 8 KiB, default
    /// 32 KiB.
    pub header_bytes_max: ByteSize,
    /// Maximum time from the start of a connection, or the end of the previous response, to the end of the headers. It
    /// also closes idle connections. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Maximum size of a request body; larger ones are answered with 413. Default 1 MiB.
    pub body_bytes_max: ByteSize,
    /// Maximum time from the end of the headers to the end of the body; then the answer is 504. Default 15 s.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Maximum number of concurrent streams of one HTTP/2 connection. Default 256.
    pub streams_per_connection_max: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes_max: ByteSize::kib(32),
            header_timeout: Duration::from_secs(30),
            body_bytes_max: ByteSize::mib(1),
            body_timeout: Duration::from_secs(15),
            streams_per_connection_max: NonZeroU32::new(256).expect("not zero"),
        }
    }
}

/// Limits of concurrent work. At a limit the answer is 503 with `Retry-After`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capacity {
    /// Maximum number of open connections; further ones wait in the accept queue. Default 10 000.
    pub connections_max: NonZeroUsize,
    /// Maximum number of concurrent contract calls. Default 4096.
    pub calls_max: NonZeroUsize,
    /// Maximum number of concurrent calls of one rpc, at most `calls_max`. Default 1024.
    pub calls_per_rpc_max: NonZeroUsize,
    /// Maximum number of open server streams; they are not counted as calls. Default 4096.
    pub streams_max: NonZeroUsize,
    /// Maximum number of contract calls per second of the node, as a token bucket of one second. 0 means no limit.
    /// Default 0.
    pub calls_per_second_max: u32,
    /// Maximum number of verified tokens in the cache, rounded up to a power of two; about 1 KiB each. Default 16 384.
    pub token_cache_max: NonZeroUsize,
    /// Factor for the count of every rate limit of the contract. For benchmarks, and for a node whose clients share one
    /// address. Default 1.
    pub rate_factor: NonZeroU32,
}

impl Default for Capacity {
    fn default() -> Self {
        let count = |count| NonZeroUsize::new(count).expect("not zero");
        Self {
            connections_max: count(10_000),
            calls_max: count(4_096),
            calls_per_rpc_max: count(1_024),
            streams_max: count(4_096),
            calls_per_second_max: 0,
            token_cache_max: count(16_384),
            rate_factor: NonZeroU32::MIN,
        }
    }
}

/// Lists of client addresses.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Networks of allowed clients; empty allows all. Default empty.
    pub allow: Vec<Cidr>,
    /// Networks of rejected clients, also when `allow` contains them. Default empty.
    pub deny: Vec<Cidr>,
    /// Networks of proxies whose `X-Forwarded-For` is trusted. Default empty.
    pub trusted_proxies: Vec<Cidr>,
    /// Networks that may read `/metrics` without an operator's token. Default: loopback and private networks.
    pub metrics: Vec<Cidr>,
}

impl Default for Access {
    fn default() -> Self {
        let private = ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];
        Self {
            allow: Vec::new(),
            deny: Vec::new(),
            trusted_proxies: Vec::new(),
            metrics: private.iter().map(|text| text.parse().expect("a network")).collect(),
        }
    }
}

/// Cross-origin requests of web pages (Fetch standard, CORS protocol).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Allowed origins such as `https://shop.example`, or `*` for all. Default empty: no CORS headers are sent.
    pub origins: Vec<String>,
    /// Time that a browser may cache the response of a preflight. Default 10 min.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
}

impl Default for Cors {
    fn default() -> Self {
        Self { origins: Vec::new(), max_age: Duration::from_secs(600) }
    }
}

/// Shutdown: readiness becomes false, then the node stops accepting connections and finishes the requests in progress.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drain {
    /// Time between readiness false and the end of accepting connections, for load balancers to react. Default 0 s.
    #[serde(with = "humantime_serde")]
    pub delay: Duration,
    /// Maximum time for the requests in progress after that. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { delay: Duration::ZERO, deadline: Duration::from_secs(30) }
    }
}

/// Format of responses.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Replies {
    /// Size above which a body is compressed for clients that accept gzip. Default 1 KiB.
    pub gzip_bytes_min: ByteSize,
    /// Interval of the comments that keep an idle server stream open through proxies. Default 15 s.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// Whether clients reach the edge by TLS only; then `Strict-Transport-Security` is sent. Default false.
    pub is_behind_tls: bool,
    /// Whether every request is logged at `info` instead of `debug`. Failures are logged in both cases. Default false.
    pub has_access_log: bool,
}

impl Default for Replies {
    fn default() -> Self {
        Self {
            gzip_bytes_min: ByteSize::kib(1),
            heartbeat: Duration::from_secs(15),
            is_behind_tls: false,
            has_access_log: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_unknown_keys_rejected() {
        let config: EdgeConfig = toml::from_str(
            r#"
            is_idempotency_key_required = true
            [limits]
            body_bytes_max = "2 MiB"
            header_timeout = "5s"
            [access]
            deny = ["203.0.113.0/24", "2001:db8::/32"]
            [drain]
            delay = "250ms"
            "#,
        )
        .unwrap();
        assert!(config.is_idempotency_key_required);
        assert_eq!(config.limits.body_bytes_max, ByteSize::mib(2));
        assert_eq!(config.limits.header_timeout, Duration::from_secs(5));
        assert_eq!(config.access.deny.len(), 2);
        assert_eq!(config.drain.delay, Duration::from_millis(250));
        assert_eq!(config.capacity.calls_max.get(), 4_096);
        for wrong in ["no_such_field = 1", "[limits]\nbody_bytes = 1", "[capacity]\ncalls_max = 0"] {
            assert!(toml::from_str::<EdgeConfig>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn invalid_values_are_rejected_with_key_rule_and_value() {
        assert_eq!(EdgeConfig::default().check(), Ok(()));
        for (wrong, expected) in [
            ("limits.header_bytes_max = \"4 KiB\"", "limits.header_bytes_max must be at least 8 KiB, got 4 KiB"),
            ("limits.header_timeout = \"0s\"", "limits.header_timeout must be longer than 0s"),
            ("replies.heartbeat = \"0s\"", "replies.heartbeat must be longer than 0s"),
            ("capacity.calls_max = 10", "capacity.calls_per_rpc_max must be at most calls_max, 10, got 1024"),
            (
                "cors.origins = [\"shop.example\"]",
                "cors.origins must be * or like https://shop.example, got shop.example",
            ),
            (
                "cors.origins = [\"https://a.example/\"]",
                "cors.origins must be * or like https://shop.example, got https://a.example/",
            ),
            ("public_url = \"a.example\"", "public_url must be like https://api.shop.example, got a.example"),
        ] {
            let config: EdgeConfig = toml::from_str(wrong).unwrap();
            assert_eq!(config.check(), Err(expected.to_owned()), "{wrong}");
        }
    }

    #[test]
    fn the_printed_configuration_can_be_read() {
        let printed = toml::to_string(&EdgeConfig::default()).unwrap();
        let again: EdgeConfig = toml::from_str(&printed).unwrap();
        assert_eq!(toml::to_string(&again).unwrap(), printed);
    }
}
