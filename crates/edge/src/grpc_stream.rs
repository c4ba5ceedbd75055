//! The end of a gRPC response stream: its permit, and the trailers that it gets when the node drains.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use pulse_contract::errors;
use pulse_contract::grpc::status_of;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::pipeline::capacity::StreamPermit;

/// The permit of a streamed response, and the signal that ends the stream when the node drains.
pub(crate) struct GrpcStream {
    draining: Pin<Box<WaitForCancellationFutureOwned>>,
    is_ended: bool,
    _permit: StreamPermit,
}

impl GrpcStream {
    /// A stream that holds `permit` and ends when `draining` is ready.
    pub(crate) fn new(draining: WaitForCancellationFutureOwned, permit: StreamPermit) -> Self {
        Self { draining: Box::pin(draining), is_ended: false, _permit: permit }
    }

    /// The trailers of a stream that the node ends because it drains, once; then `None`.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<HeaderMap>> {
        if self.is_ended {
            return Poll::Ready(None);
        }
        ready!(self.draining.as_mut().poll(cx));
        self.is_ended = true;
        let status = status_of(&errors::DRAINING.error("the node is shutting down; connect again"));
        let mut trailers = status.into_http::<tonic::body::Body>().into_parts().0.headers;
        trailers.remove(CONTENT_TYPE);
        Poll::Ready(Some(trailers))
    }
}
