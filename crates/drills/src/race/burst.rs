//! Sends requests concurrently: over one connection each, or as streams of one HTTP/2 connection in one packet.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pulse_bench::{Connection, Request};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::outcome::Answer;
use crate::target_node::TargetNode;

/// A prepared request.
pub(super) struct RaceRequest {
    path: String,
    /// Including the content type.
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl RaceRequest {
    /// An API call with this token.
    pub(super) fn call(path: &str, token: &str, body: &Value) -> Self {
        Self::of(path, "application/json", body.to_string()).header("authorization", format!("Bearer {token}"))
    }

    /// A form of the pay page, without a token.
    pub(super) fn form(path: &str, body: String) -> Self {
        Self::of(path, "application/x-www-form-urlencoded", body)
    }

    /// A webhook, authenticated by its signature.
    pub(super) fn signed(path: &str, signature: String, body: String) -> Self {
        Self::of(path, "application/json", body).header("stripe-signature", signature)
    }

    fn of(path: &str, kind: &str, body: String) -> Self {
        Self { path: path.to_owned(), headers: vec![("content-type", kind.to_owned())], body: body.into() }
    }

    fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The request as bytes of an HTTP/1.1 connection.
    fn render(self, address: SocketAddr) -> Bytes {
        let request = Request::post(&address.to_string(), &self.path, self.body);
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value)).render()
    }

    /// The request as a stream of an HTTP/2 connection.
    fn stream(self, address: SocketAddr) -> http::Result<http::Request<Full<Bytes>>> {
        let request = http::Request::post(format!("http://{address}{}", self.path));
        let request = self.headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.body(Full::new(self.body))
    }
}

/// Sends all requests at the same moment. Returns their answers in the order of the requests.
pub(super) async fn send_at_once(
    node: &TargetNode,
    requests: Vec<RaceRequest>,
    is_single_packet: bool,
) -> anyhow::Result<Vec<Answer>> {
    if is_single_packet {
        in_one_packet(node.address(), requests).await
    } else {
        over_connections(node.address(), requests).await
    }
}

/// One connection per request; all connections are open before the first request is sent.
async fn over_connections(address: SocketAddr, requests: Vec<RaceRequest>) -> anyhow::Result<Vec<Answer>> {
    let start = Arc::new(Barrier::new(requests.len()));
    let mut customers = JoinSet::new();
    for (number, request) in requests.into_iter().enumerate() {
        let request = request.render(address);
        let mut connection = Connection::open(address).await?;
        let start = Arc::clone(&start);
        customers.spawn(async move {
            start.wait().await;
            let (reply, body) = connection.fetch(&request).await?;
            anyhow::Ok((number, Answer::of(reply.status, &body)))
        });
    }
    let mut answers = customers.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    answers.sort_unstable_by_key(|(number, _)| *number);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// As streams of one HTTP/2 connection. Nothing is sent before all requests are queued, so that they share a packet.
async fn in_one_packet(address: SocketAddr, requests: Vec<RaceRequest>) -> anyhow::Result<Vec<Answer>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let handshake = http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.context("the node does not speak HTTP/2")?;
    let mut replies = Vec::with_capacity(requests.len());
    for request in requests {
        replies.push(sender.send_request(request.stream(address)?));
    }
    // The connection writes the queued requests once its task runs.
    let driven = tokio::spawn(connection);
    let mut answers = Vec::with_capacity(replies.len());
    for reply in replies {
        let (parts, body) = reply.await?.into_parts();
        answers.push(Answer::of(parts.status.as_u16(), &body.collect().await?.to_bytes()));
    }
    driven.abort();
    Ok(answers)
}
