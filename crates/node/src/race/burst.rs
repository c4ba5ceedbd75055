//! All at the same moment: from a connection each, or as streams of one connection that leave in one packet.

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

use super::{Answer, Stage};

/// One request of somebody.
pub(super) struct Shot {
    path: String,
    /// With the type of the body.
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Shot {
    /// A call of somebody with this token.
    pub(super) fn call(path: &str, token: &str, body: &Value) -> Self {
        Self::of(path, "application/json", body.to_string()).header("authorization", format!("Bearer {token}"))
    }

    /// A form that a browser sends.
    pub(super) fn form(path: &str, body: String) -> Self {
        Self::of(path, "application/x-www-form-urlencoded", body)
    }

    /// Something that only its signature proves.
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

    /// The request as it goes over a connection of its own.
    fn render(self, address: SocketAddr) -> Bytes {
        let request = Request::post(&address.to_string(), &self.path, self.body);
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value)).render()
    }

    /// The request as a stream of a connection.
    fn stream(self, address: SocketAddr) -> http::Result<http::Request<Full<Bytes>>> {
        let request = http::Request::post(format!("http://{address}{}", self.path));
        let request = self.headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.body(Full::new(self.body))
    }
}

/// Fires every shot at the same moment and gives back what each was answered, in the order of the shots.
pub(super) async fn fire(stage: &Stage, shots: Vec<Shot>, is_packet: bool) -> anyhow::Result<Vec<Answer>> {
    if is_packet { in_one_packet(stage.address(), shots).await } else { from_everywhere(stage, shots).await }
}

/// Each from a connection of its own, which is open before the first one fires.
async fn from_everywhere(stage: &Stage, shots: Vec<Shot>) -> anyhow::Result<Vec<Answer>> {
    let start = Arc::new(Barrier::new(shots.len()));
    let mut customers = JoinSet::new();
    for (number, shot) in shots.into_iter().enumerate() {
        let request = shot.render(stage.address());
        let mut connection = Connection::open(stage.address()).await?;
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

/// As streams of one HTTP/2 connection: nothing is sent before all are queued, so that they leave together.
async fn in_one_packet(address: SocketAddr, shots: Vec<Shot>) -> anyhow::Result<Vec<Answer>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let handshake = http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.context("the node does not speak HTTP/2")?;
    let mut replies = Vec::with_capacity(shots.len());
    for shot in shots {
        replies.push(sender.send_request(shot.stream(address)?));
    }
    // From here on it is driven, and writes what is queued.
    let driven = tokio::spawn(connection);
    let mut answers = Vec::with_capacity(replies.len());
    for reply in replies {
        let (parts, body) = reply.await?.into_parts();
        answers.push(Answer::of(parts.status.as_u16(), &body.collect().await?.to_bytes()));
    }
    driven.abort();
    Ok(answers)
}
