//! The body of an answer: bytes that are there already, or a stream of whoever makes it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::grpc::GrpcStream;
use crate::sse::EventStream;

/// Why a body ended early; it only closes the connection.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer. Bytes need no box; the streams of other crates bring their own.
pub(crate) enum Body {
    /// The bytes; `None` once they are sent.
    Full(Option<Bytes>),
    /// A server stream of the contract.
    Events(Box<EventStream>),
    /// What gRPC answers.
    Grpc { body: tonic::body::Body, stream: Option<GrpcStream> },
    /// What a page answers.
    Page(axum::body::Body),
}

impl Body {
    /// No body.
    pub(crate) const fn empty() -> Self {
        Self::Full(None)
    }

    /// These bytes.
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
            // What is there comes first: a health check hears that the node leaves.
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
