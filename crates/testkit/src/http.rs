//! Client for tests: JSON over HTTP/1.1, and gRPC channels to the same port.

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

/// HTTP client of one node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// Request builder.
#[derive(Debug)]
pub struct RequestBuilder {
    http: Http,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Response.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Http {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self { address, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Returns the address of the node.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Creates a request for a path with an optional query, or for an absolute URL of this node.
    ///
    /// # Panics
    /// If the method is invalid.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        let method = method.parse().expect("a method");
        let path = path.strip_prefix(&format!("http://{}", self.address)).unwrap_or(path);
        RequestBuilder {
            http: self.clone(),
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Creates a GET request.
    #[must_use]
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.ask("GET", path)
    }

    /// Creates a POST request with a JSON body.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.ask("POST", path).json(body)
    }

    /// Opens a gRPC connection.
    ///
    /// # Panics
    /// If the connection fails.
    pub async fn channel(&self) -> Channel {
        let endpoint: Endpoint = format!("http://{}", self.address).parse().expect("an address");
        endpoint.connect().await.expect("the edge speaks HTTP/2")
    }
}

impl RequestBuilder {
    /// Sets a header.
    ///
    /// # Panics
    /// If the value is invalid.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// Sets the access token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets the access token of a person.
    #[must_use]
    pub fn by(self, person: &Person) -> Self {
        self.bearer(&person.access_token)
    }

    /// Sets the idempotency key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    /// Sets a body of any content with the content type JSON.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Sends the request and reads the complete response.
    ///
    /// # Panics
    /// If the connection fails.
    pub async fn send(self) -> Reply {
        let uri = format!("http://{}{}", self.http.address, self.path);
        let mut request =
            Request::builder().method(self.method).uri(uri).body(Full::new(self.body)).expect("a request");
        *request.headers_mut() = self.headers;
        let reply = self.http.client.request(request).await.expect("the node answers");
        let (parts, body) = reply.into_parts();
        let body = body.collect().await.expect("the response is complete").to_bytes();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

impl Reply {
    /// Returns the body as text.
    ///
    /// # Panics
    /// If the body is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    /// If the body is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the message of a response with status 200.
    ///
    /// # Panics
    /// If the status is not 200, or the body is not this message.
    #[must_use]
    pub fn ok<T: Json>(&self) -> T {
        assert_eq!(self.status, 200, "{}", self.text());
        T::from_json(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the code of a problem response, after a check of its content type, status and required fields.
    ///
    /// # Panics
    /// If the response is not a valid problem.
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
