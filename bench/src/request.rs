//! Requests as finished bytes: rendered once, sent many times.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// Renders one HTTP/1.1 request.
///
/// The caller is the benchmark itself, so nothing is escaped: targets and header values are written as given.
#[derive(Clone, Debug)]
pub struct Request {
    head: String,
    body: Bytes,
}

impl Request {
    /// `GET target`, for example `/v1/shops/shp_1?view=full`; `host` is the value of the Host header.
    #[must_use]
    pub fn get(host: &str, target: &str) -> Self {
        Self::with_method("GET", host, target)
    }

    /// `POST target` with a JSON body.
    #[must_use]
    pub fn post_json(host: &str, target: &str, body: impl Into<Bytes>) -> Self {
        Self::send_json("POST", host, target, body)
    }

    /// `POST target` with a body; a header has to say of which type.
    #[must_use]
    pub fn post(host: &str, target: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self { body, ..Self::with_method("POST", host, target).header("content-length", &length) }
    }

    /// `METHOD target` with a JSON body.
    #[must_use]
    pub fn send_json(method: &str, host: &str, target: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let request = Self::with_method(method, host, target).header("content-type", "application/json");
        let length = body.len().to_string();
        Self { body, ..request.header("content-length", &length) }
    }

    /// Adds `authorization: Bearer TOKEN`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        let value = format!("Bearer {token}");
        self.header("authorization", &value)
    }

    /// Adds a header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        for part in [name, ": ", value, "\r\n"] {
            self.head.push_str(part);
        }
        self
    }

    /// The bytes that go over the wire.
    #[must_use]
    pub fn render(self) -> Bytes {
        let mut bytes = self.head.into_bytes();
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        Bytes::from(bytes)
    }

    fn with_method(method: &str, host: &str, target: &str) -> Self {
        let mut head = String::with_capacity(256);
        // Writing into a String cannot fail.
        write!(head, "{method} {target} HTTP/1.1\r\nhost: {host}\r\n").unwrap_or_default();
        Self { head, body: Bytes::new() }
    }
}

type Make = dyn Fn(usize, u64) -> Bytes + Send + Sync;

/// Where the load generator takes its requests from. Cheap to clone; clones share one numbering.
///
/// Requests are numbered through the whole life of the value, over warm-up and all rounds, so a number (an
/// idempotency key, a new user) never comes twice.
#[derive(Clone)]
pub struct Requests {
    make: Arc<Make>,
    next: Arc<AtomicU64>,
}

impl Requests {
    /// The same request again and again.
    #[must_use]
    pub fn one(request: Bytes) -> Self {
        Self::generate(move |_, _| request.clone())
    }

    /// Prebuilt requests in turn, from the first again after the last: one per user or token, for example.
    ///
    /// # Panics
    /// When `requests` is empty.
    #[must_use]
    pub fn cycle(requests: Vec<Bytes>) -> Self {
        assert!(!requests.is_empty(), "a cycle needs at least one request");
        Self::generate(move |_, number| {
            let count = u64::try_from(requests.len()).unwrap_or(u64::MAX);
            let index = usize::try_from(number % count).unwrap_or(0);
            requests.get(index).cloned().unwrap_or_default()
        })
    }

    /// Calls `make(connection, number)` for every request: the index of the connection that sends it, and the
    /// number of the request, starting at 0 and never repeated.
    ///
    /// It runs on the generator's thread just before sending, so whatever it costs is taken from the server.
    #[must_use]
    pub fn generate(make: impl Fn(usize, u64) -> Bytes + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(make), next: Arc::new(AtomicU64::new(0)) }
    }

    /// The next request for this connection.
    #[must_use]
    pub fn next(&self, connection: usize) -> Bytes {
        (self.make)(connection, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_exactly_the_bytes_of_the_protocol() {
        let get = Request::get("city", "/v1/me?x=1").bearer("abc").render();
        assert_eq!(&get[..], b"GET /v1/me?x=1 HTTP/1.1\r\nhost: city\r\nauthorization: Bearer abc\r\n\r\n");
        let post = Request::post_json("city", "/v1/x", "{}").header("idempotency-key", "7").render();
        let text = "POST /v1/x HTTP/1.1\r\nhost: city\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
                    idempotency-key: 7\r\n\r\n{}";
        assert_eq!(&post[..], text.as_bytes());
    }

    #[test]
    fn numbers_never_repeat_over_clones_and_a_cycle_takes_turns() {
        let requests = Requests::generate(|connection, number| Bytes::from(format!("{connection}:{number}")));
        assert_eq!(requests.next(3), "3:0");
        let clone = requests.clone();
        assert_eq!((clone.next(4), requests.next(4)), (Bytes::from("4:1"), Bytes::from("4:2")));
        let cycle = Requests::cycle(vec![Bytes::from("a"), Bytes::from("b")]);
        assert_eq!([cycle.next(0), cycle.next(0), cycle.next(0)], ["a", "b", "a"]);
    }
}
