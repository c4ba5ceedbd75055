//! How an edge behaves. Every field has a default; an unknown field is refused.
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

/// The edge's configuration.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeConfig {
    /// How much a caller may send, and how long it may take.
    pub limits: Limits,
    /// How much the node takes on at the same time.
    pub capacity: Capacity,
    /// Which addresses may call, and which may speak for others.
    pub access: Access,
    /// Which web pages of other origins may call.
    pub cors: Cors,
    /// How a node leaves.
    pub drain: Drain,
    /// What answers look like.
    pub replies: Replies,
    /// Whether a POST of an rpc that saves its answer must carry an `Idempotency-Key`. Default false.
    pub is_idempotency_key_required: bool,
}

impl EdgeConfig {
    /// Refuses values that are each fine and together, or at the end, are not.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let Self { limits, capacity, replies, cors, .. } = self;
        let is_origin = |origin: &String| origin == "*" || (origin.contains("://") && !origin.ends_with('/'));
        for (is_fine, why) in [
            (limits.header_bytes_max >= HEADER_BYTES_MIN, "limits.header_bytes_max is below 8 KiB"),
            (!limits.header_timeout.is_zero(), "limits.header_timeout is zero"),
            (!limits.body_timeout.is_zero(), "limits.body_timeout is zero"),
            (!replies.heartbeat.is_zero(), "replies.heartbeat is zero"),
            (capacity.calls_per_rpc_max <= capacity.calls_max, "capacity.calls_per_rpc_max is above calls_max"),
            (
                cors.origins.iter().all(is_origin),
                "cors.origins are like https://shop.example, without a slash at the end",
            ),
        ] {
            if !is_fine {
                return Err(why);
            }
        }
        Ok(())
    }
}

/// The HTTP/1.1 parser does not take a smaller buffer.
const HEADER_BYTES_MIN: ByteSize = ByteSize::kib(8);

/// How much a caller may send, and how long it may take.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Request line and headers together. Default 32 KiB, at least 8 KiB; beyond it the answer is 431.
    pub header_bytes_max: ByteSize,
    /// From the first byte of a connection, or the end of the answer before, to the end of the headers. It also
    /// ends idle connections. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// The body of a request. Default 1 MiB; beyond it the answer is 413.
    pub body_bytes_max: ByteSize,
    /// From the end of the headers to the end of the body. Default 15 s; then the answer is 504.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Streams of one HTTP/2 connection. Default 256.
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

/// How much the node takes on at the same time; beyond it the answer is 503 with `Retry-After`, at once.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capacity {
    /// Open connections; further ones wait in the queue of the kernel. Default 10 000.
    pub connections_max: NonZeroUsize,
    /// Contract calls under way. Default 4096.
    pub calls_max: NonZeroUsize,
    /// Contract calls of one rpc under way, at most `calls_max`. Default 1024.
    pub calls_per_rpc_max: NonZeroUsize,
    /// Open server streams, which may last for hours and are counted apart. Default 4096.
    pub streams_max: NonZeroUsize,
    /// Contract calls per second of the whole node, as a token bucket of one second; 0 means no limit. Default 0.
    pub calls_per_second_max: u32,
    /// Verified tokens that are remembered, rounded up to a power of two; about 1 KiB each. Default 16 384.
    pub tokens_max: NonZeroUsize,
    /// Multiplies the count of every rate limit of the contract: 2 lets twice as many calls pass. For benchmarks, and
    /// for a node whose callers all come through one address. Default 1.
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
            tokens_max: count(16_384),
            rate_factor: NonZeroU32::MIN,
        }
    }
}

/// Which addresses may call, and which may speak for others.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// When not empty, only these networks may call. Default empty.
    pub allow: Vec<Cidr>,
    /// These networks may not call, even when they are allowed. Default empty.
    pub deny: Vec<Cidr>,
    /// Proxies whose `X-Forwarded-For` is believed. Default none.
    pub trusted_proxies: Vec<Cidr>,
    /// Networks that may read `/metrics` without being an operator. Default loopback and private networks.
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

/// Which web pages of other origins may call (Fetch standard, CORS protocol).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Origins such as `https://shop.example`, or `*` for every one. Default none: the header is not sent.
    pub origins: Vec<String>,
    /// How long a browser may remember the answer of a preflight. Default 10 min.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
}

impl Default for Cors {
    fn default() -> Self {
        Self { origins: Vec::new(), max_age: Duration::from_secs(600) }
    }
}

/// How a node leaves: readiness goes false, then it stops accepting, then it finishes what is under way.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drain {
    /// How long readiness is false before the node stops accepting, so that balancers notice. Default 0 s.
    #[serde(with = "humantime_serde")]
    pub notice: Duration,
    /// How long requests under way may take after that. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { notice: Duration::ZERO, deadline: Duration::from_secs(30) }
    }
}

/// What answers look like.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Replies {
    /// Bodies longer than this are compressed for callers that accept gzip. Default 1 KiB.
    pub gzip_bytes_min: ByteSize,
    /// How often an idle server stream sends a comment, so that proxies keep it open. Default 15 s.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// Where the page of an error code is; the code is appended. Default `https://docs.pulse.dev/errors/`.
    pub errors_url: String,
    /// Whether callers reach the edge by TLS only, so that `Strict-Transport-Security` is sent. Default false.
    pub is_behind_tls: bool,
    /// Whether every request is logged at `info`; otherwise at `debug`. Failures are logged in both cases.
    /// Default false.
    pub has_access_log: bool,
}

impl Default for Replies {
    fn default() -> Self {
        Self {
            gzip_bytes_min: ByteSize::kib(1),
            heartbeat: Duration::from_secs(15),
            errors_url: "https://docs.pulse.dev/errors/".to_owned(),
            is_behind_tls: false,
            has_access_log: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_units_and_refuses_unknown_fields() {
        let config: EdgeConfig = toml::from_str(
            r#"
            is_idempotency_key_required = true
            [limits]
            body_bytes_max = "2 MiB"
            header_timeout = "5s"
            [access]
            deny = ["203.0.113.0/24", "2001:db8::/32"]
            [drain]
            notice = "250ms"
            "#,
        )
        .unwrap();
        assert!(config.is_idempotency_key_required);
        assert_eq!(config.limits.body_bytes_max, ByteSize::mib(2));
        assert_eq!(config.limits.header_timeout, Duration::from_secs(5));
        assert_eq!(config.access.deny.len(), 2);
        assert_eq!(config.drain.notice, Duration::from_millis(250));
        assert_eq!(config.capacity.calls_max.get(), 4_096);
        for wrong in ["no_such_field = 1", "[limits]\nbody_bytes = 1", "[capacity]\ncalls_max = 0"] {
            assert!(toml::from_str::<EdgeConfig>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        assert_eq!(EdgeConfig::default().check(), Ok(()));
        for wrong in [
            "limits.header_bytes_max = \"4 KiB\"",
            "limits.header_timeout = \"0s\"",
            "replies.heartbeat = \"0s\"",
            "capacity.calls_max = 10",
            "cors.origins = [\"shop.example\"]",
            "cors.origins = [\"https://shop.example/\"]",
        ] {
            let config: EdgeConfig = toml::from_str(wrong).unwrap();
            assert!(config.check().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        let printed = toml::to_string(&EdgeConfig::default()).unwrap();
        let again: EdgeConfig = toml::from_str(&printed).unwrap();
        assert_eq!(toml::to_string(&again).unwrap(), printed);
    }
}
