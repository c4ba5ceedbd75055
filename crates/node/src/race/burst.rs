//! All at the same moment: from a connection each, or as streams of one connection that leave in one packet.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pulse_bench::Connection;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{Answer, Stage};

/// One customer's request.
pub(super) struct Shot {
    pub(super) path: String,
    pub(super) token: String,
    pub(super) body: Value,
}

/// Fires every shot at the same moment and gives back what each was answered.
pub(super) async fn fire(stage: &Stage, shots: Vec<Shot>, is_packet: bool) -> anyhow::Result<Vec<Answer>> {
    if is_packet { in_one_packet(stage.address(), shots).await } else { from_everywhere(stage, shots).await }
}

/// Each from a connection of its own, which is open before the first one fires.
async fn from_everywhere(stage: &Stage, shots: Vec<Shot>) -> anyhow::Result<Vec<Answer>> {
    let start = Arc::new(Barrier::new(shots.len()));
    let mut customers = JoinSet::new();
    for shot in shots {
        let request = stage.post(&shot.path, &shot.token, &shot.body);
        let mut connection = Connection::open(stage.address()).await?;
        let start = Arc::clone(&start);
        customers.spawn(async move {
            start.wait().await;
            let (reply, body) = connection.fetch(&request).await?;
            anyhow::Ok(Answer::of(reply.status, &body))
        });
    }
    customers.join_all().await.into_iter().collect()
}

/// As streams of one HTTP/2 connection: nothing is sent before all are queued, so that they leave together.
async fn in_one_packet(address: SocketAddr, shots: Vec<Shot>) -> anyhow::Result<Vec<Answer>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let handshake = http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.context("the node does not speak HTTP/2")?;
    let mut replies = Vec::with_capacity(shots.len());
    for shot in shots {
        let request = http::Request::post(format!("http://{address}{}", shot.path))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", shot.token))
            .body(Full::new(Bytes::from(shot.body.to_string())))?;
        replies.push(sender.send_request(request));
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
