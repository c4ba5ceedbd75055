//! Port for HTTP requests to providers, because only the edge of a node knows HTTP.

use async_trait::async_trait;
use bytes::Bytes;

/// A request to a provider.
#[derive(Clone)]
pub struct OutboundRequest {
    /// HTTP method, for example `POST`.
    pub method: &'static str,
    /// Complete URL.
    pub url: String,
    /// Header names in lower case with their values. One of them contains the secret key; never log them.
    pub headers: Vec<(&'static str, String)>,
    /// Body of the request.
    pub body: Bytes,
}

/// An answer with any status.
#[derive(Clone, Debug)]
pub struct OutboundReply {
    /// HTTP status.
    pub status: u16,
    /// Body of the answer.
    pub body: Bytes,
}

/// No answer arrived; the outcome of the request is unknown.
#[derive(Debug, PartialEq, Eq)]
pub struct NoReply(pub String);

impl std::fmt::Display for NoReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no answer from the provider: {}", self.0)
    }
}

impl std::error::Error for NoReply {}

/// Sends requests to providers. Time and size of an answer are limited; redirects are not followed, and requests are not
/// repeated.
#[async_trait]
pub trait Outbound: Send + Sync {
    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// [`NoReply`] if no answer arrived.
    async fn send(&self, request: OutboundRequest) -> Result<OutboundReply, NoReply>;
}

/// Outbound port of a node without external providers.
#[derive(Clone, Copy, Debug)]
pub struct NoOutbound;

#[async_trait]
impl Outbound for NoOutbound {
    async fn send(&self, _request: OutboundRequest) -> Result<OutboundReply, NoReply> {
        Err(NoReply("this node has no outbound connection".to_owned()))
    }
}
