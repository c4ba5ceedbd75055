//! Calls to another node.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use http::uri::PathAndQuery;
use prost::Message;
use pulse_kernel::{Cx, Error};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::codec::{Encoded, decode, encode};
use super::{error_of, request_with};
use crate::method::MethodSpec;

/// Calls the rpc `spec` at the other end of `channel`.
pub fn call<Q: Message, A: Message + Default>(
    channel: &Channel,
    spec: &'static MethodSpec,
    cx: &Cx,
    request: &Q,
) -> BoxFuture<'static, Result<A, Error>> {
    let answer = unary(channel.clone(), spec, request_with(cx, encode(request))).boxed();
    async move { answer.await.and_then(decode).map_err(|status| error_of(&status)) }.boxed()
}

/// As [`call`], for an rpc that answers with a stream.
pub fn call_stream<Q: Message, A: Message + Default + 'static>(
    channel: &Channel,
    spec: &'static MethodSpec,
    cx: &Cx,
    request: &Q,
) -> BoxFuture<'static, Result<BoxStream<'static, Result<A, Error>>, Error>> {
    let answer = streaming(channel.clone(), spec, request_with(cx, encode(request))).boxed();
    async move {
        let messages = answer.await.map_err(|status| error_of(&status))?;
        Ok(messages.map(|message| message.and_then(decode).map_err(|status| error_of(&status))).boxed())
    }
    .boxed()
}

async fn unary(channel: Channel, spec: &'static MethodSpec, request: Request<Bytes>) -> Result<Bytes, Status> {
    let mut grpc = ready(channel).await?;
    Ok(grpc.unary(request, PathAndQuery::from_static(spec.path), Encoded).await?.into_inner())
}

async fn streaming(
    channel: Channel,
    spec: &'static MethodSpec,
    request: Request<Bytes>,
) -> Result<Streaming<Bytes>, Status> {
    let mut grpc = ready(channel).await?;
    Ok(grpc.server_streaming(request, PathAndQuery::from_static(spec.path), Encoded).await?.into_inner())
}

async fn ready(channel: Channel) -> Result<Grpc<Channel>, Status> {
    let mut grpc = Grpc::new(channel);
    match grpc.ready().await {
        Ok(()) => Ok(grpc),
        Err(error) => Err(Status::unknown(format!("the channel is not ready: {error}"))),
    }
}
