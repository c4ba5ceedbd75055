//! The way out to providers: a port, because only the edges of a node know HTTP.

use async_trait::async_trait;
use bytes::Bytes;

/// A request to a provider.
#[derive(Clone)]
pub struct OutboundRequest {
    /// The method, for example `POST`.
    pub method: &'static str,
    /// The whole address.
    pub url: String,
    /// Names in lower case, with their values. One of them holds the key of the account: never log them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// What came back, whatever its status.
#[derive(Clone, Debug)]
pub struct OutboundReply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// No answer came: it is unknown what became of the request.
#[derive(Debug, PartialEq, Eq)]
pub struct NoReply(pub String);

impl std::fmt::Display for NoReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no answer from the provider: {}", self.0)
    }
}

impl std::error::Error for NoReply {}

/// Sends requests to providers. It waits for an answer for a bounded time, reads a bounded answer, follows no redirect
/// and repeats nothing by itself.
#[async_trait]
pub trait Outbound: Send + Sync {
    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When no answer came.
    async fn send(&self, request: OutboundRequest) -> Result<OutboundReply, NoReply>;
}

/// The way out of a node that works with no provider outside.
#[derive(Clone, Copy, Debug)]
pub struct NoOutbound;

#[async_trait]
impl Outbound for NoOutbound {
    async fn send(&self, _request: OutboundRequest) -> Result<OutboundReply, NoReply> {
        Err(NoReply("this node has no way out".to_owned()))
    }
}
