//! A small caller of JSON over HTTP/1.1, and gRPC channels to the same port.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use pulse_contract::Json;
use serde_json::Value;
use tonic::transport::{Channel, Endpoint};

use crate::Person;

/// Calls one edge. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// A request in the making.
#[derive(Debug)]
pub struct Ask {
    http: Http,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Http {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self { address, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Where the edge listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request with this method, for this path and query; also for an absolute URL of this edge.
    ///
    /// # Panics
    /// When the method is none.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str) -> Ask {
        let method = method.parse().expect("a method");
        let path = path.strip_prefix(&format!("http://{}", self.address)).unwrap_or(path);
        Ask { http: self.clone(), method, path: path.to_owned(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A GET.
    #[must_use]
    pub fn get(&self, path: &str) -> Ask {
        self.ask("GET", path)
    }

    /// A POST of a JSON value.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Ask {
        self.ask("POST", path).json(body)
    }

    /// A connection for gRPC.
    ///
    /// # Panics
    /// When the edge does not answer.
    pub async fn channel(&self) -> Channel {
        let endpoint: Endpoint = format!("http://{}", self.address).parse().expect("an address");
        endpoint.connect().await.expect("the edge speaks HTTP/2")
    }
}

impl Ask {
    /// With a header.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// With a token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// On behalf of somebody.
    #[must_use]
    pub fn by(self, person: &Person) -> Self {
        self.bearer(&person.access_token)
    }

    /// With an idempotency key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    /// With a body that says it is JSON, whatever it is.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send(self) -> Reply {
        let uri = format!("http://{}{}", self.http.address, self.path);
        let mut request =
            Request::builder().method(self.method).uri(uri).body(Full::new(self.body)).expect("a request");
        *request.headers_mut() = self.headers;
        let reply = self.http.client.request(request).await.expect("the edge answers");
        let (parts, body) = reply.into_parts();
        let body = body.collect().await.expect("the answer comes to its end").to_bytes();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

impl Reply {
    /// The body as text.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The message of an answer that went well.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    pub fn ok<T: Json>(&self) -> T {
        assert_eq!(self.status, 200, "{}", self.text());
        T::from_json(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem, checked for its shape: the right content type, the same status inside.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn code(&self) -> String {
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        assert_eq!(content_type, Some("application/problem+json"), "{} {}", self.status, self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        for field in ["type", "title", "retry"] {
            assert!(problem[field].is_string(), "{field} of {problem}");
        }
        problem["code"].as_str().expect("every problem has a code").to_owned()
    }
}
