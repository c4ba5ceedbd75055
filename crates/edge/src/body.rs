//! The body of a response: complete bytes, or a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::grpc_stream::GrpcStream;
use crate::sse::EventStream;

/// Error that ends a body early; it closes the connection and is not reported.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response. Complete bytes need no box; the streams of other crates have one.
pub(crate) enum Body {
    /// Complete bytes; `None` after they were sent.
    Full(Option<Bytes>),
    /// A server stream of the contract.
    Events(Box<EventStream>),
    /// A gRPC response.
    Grpc { body: tonic::body::Body, stream: Option<GrpcStream> },
    /// A response of a mounted page.
    Page(axum::body::Body),
}

impl Body {
    /// An empty body.
    pub(crate) const fn empty() -> Self {
        Self::Full(None)
    }

    /// A body of complete bytes.
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(Some(bytes.into()).filter(|bytes| !bytes.is_empty()))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(events) => events.poll_event(cx).map(|event| event.map(|event| Ok(Frame::data(event)))),
            // Pending data has priority over the end: a health check still reports that the node drains.
            Self::Grpc { body, stream } => match (Pin::new(body).poll_frame(cx), stream) {
                (Poll::Pending, Some(stream)) => stream.poll_end(cx).map(|end| end.map(|end| Ok(Frame::trailers(end)))),
                (frame, _) => frame.map_err(Into::into),
            },
            Self::Page(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Events(_) => false,
            Self::Grpc { body, .. } => body.is_end_stream(),
            Self::Page(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX)))
            }
            Self::Events(_) => SizeHint::default(),
            Self::Grpc { body, .. } => body.size_hint(),
            Self::Page(body) => body.size_hint(),
        }
    }
}
