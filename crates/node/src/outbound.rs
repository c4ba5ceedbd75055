//! The way out to providers of payments: HTTP/1.1, with TLS by the authorities of the web.

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

/// How long a provider may take for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How large an answer may be.
const REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Calls providers. It follows no redirect and repeats nothing by itself.
#[derive(Debug)]
pub(crate) struct HttpOutbound {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpOutbound {
    /// # Errors
    /// When the cipher suites cannot be set up.
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
        let reply = self.client.request(request).await.map_err(|error| NoReply(story(&error)))?;
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
        exchange.unwrap_or_else(|_| Err(NoReply(format!("it took longer than {TIMEOUT:?}"))))
    }
}

/// The error with its causes: the outermost one says only that sending failed.
fn story(error: &dyn std::error::Error) -> String {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        story = format!("{story}: {error}");
        cause = error.source();
    }
    story
}
