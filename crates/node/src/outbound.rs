//! HTTP client for payment providers and webhooks: HTTP/1.1, TLS with the root certificates of the web.

use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use pulse_payment::{NoReply, Outbound, OutboundReply, OutboundRequest};

/// Maximum time for a complete response.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a response body, in bytes.
const REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// HTTP client for payment providers and webhooks. It follows no redirects and does not retry.
#[derive(Debug)]
pub(crate) struct HttpOutbound {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpOutbound {
    /// # Errors
    /// If TLS cannot be initialized.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .context("cannot set up TLS")?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).retry_canceled_requests(false).build(connector) })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<OutboundReply, NoReply> {
        let reply = self.client.request(request).await.map_err(|error| NoReply(with_causes(&error)))?;
        let status = reply.status().as_u16();
        let body = Limited::new(reply.into_body(), REPLY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| NoReply(error.to_string()))?.to_bytes();
        Ok(OutboundReply { status, body })
    }
}

#[async_trait]
impl Outbound for HttpOutbound {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundReply, NoReply> {
        let mut builder = Request::builder().method(request.method).uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let request = builder.body(Full::new(request.body)).map_err(|error| NoReply(error.to_string()))?;
        let exchange = tokio::time::timeout(TIMEOUT, self.exchange(request)).await;
        exchange.unwrap_or_else(|_| Err(NoReply(format!("no complete response within {TIMEOUT:?}"))))
    }
}

/// Formats an error with its causes; the outermost error says only that the request failed.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
