//! The same rpcs over gRPC: who is let in, how errors and the context travel.

mod catalogue;
mod context;
mod status;

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use http::{Extensions, HeaderMap};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use tonic::{Request, Response, Status};

pub use catalogue::kind_of;
pub use context::{CX_HEADER, CxWireError, cx_from_headers, request_with};
pub use status::{error_of, status_of};

use crate::idempotency::Call;
use crate::errors;
use crate::method::MethodSpec;
use crate::route::prepare;
use crate::validate::Validate;

/// Decides who is let in, and makes the context of a call. Implemented by the edge.
#[async_trait]
pub trait Admission: Send + Sync + 'static {
    /// Admits a call of `spec` that came with `headers`; `extensions` holds what the layers before have found.
    ///
    /// The shop that the request names is not known yet: the generated adapter checks it afterwards.
    ///
    /// # Errors
    /// Whatever the edge refuses for: `UNAUTHENTICATED`, `RATE_LIMITED`, ...
    async fn admit(&self, spec: &'static MethodSpec, headers: &HeaderMap, extensions: &Extensions)
    -> Result<Cx, Error>;
}

/// A stream of messages as tonic sends it.
pub type ReplyStream<T> = BoxStream<'static, Result<T, Status>>;

/// Who comes in here.
#[derive(Clone)]
pub enum Entrance {
    /// Everybody: calls are admitted, and checked against policy and rules.
    Public(Arc<dyn Admission>),
    /// Other nodes of Pulse alone: they have admitted and checked already, and send the context along. So a call that
    /// one context makes to another one behaves the same, whether both run in one node or not.
    Nodes,
}

/// Admits and checks a call; gives its context and its message.
///
/// # Errors
/// The refusal, as a status.
pub async fn receive<T>(
    call: Call,
    entrance: &Entrance,
    request: Request<T>,
    scope: fn(&T) -> Option<ShopId>,
) -> Result<(Cx, T), Status>
where
    T: Validate + prost::Message,
{
    let (metadata, extensions, message) = request.into_parts();
    let headers = metadata.into_headers();
    let checked = match entrance {
        Entrance::Public(admission) => match admission.admit(call.spec, &headers, &extensions).await {
            Ok(cx) => prepare(call, scope(&message), cx, &message),
            Err(error) => Err(error),
        },
        Entrance::Nodes => match cx_from_headers(&headers) {
            Ok(Some(cx)) => Ok(cx),
            Ok(None) => Err(errors::UNAUTHENTICATED.error("only other nodes may call here")),
            Err(error) => Err(errors::UNAUTHENTICATED.error("only other nodes may call here").caused_by(error)),
        },
    };
    checked.map(|cx| (cx, message)).map_err(|error| status_of(&error))
}

/// The answer of a call as tonic sends it.
///
/// # Errors
/// The error, as a status.
pub fn send<T>(answer: Result<T, Error>) -> Result<Response<T>, Status> {
    answer.map(Response::new).map_err(|error| status_of(&error))
}

/// The streamed answer of a call as tonic sends it.
///
/// # Errors
/// The error, as a status.
pub fn send_stream<T: 'static>(
    answer: Result<BoxStream<'static, Result<T, Error>>, Error>,
) -> Result<Response<ReplyStream<T>>, Status> {
    let stream = answer.map_err(|error| status_of(&error))?;
    Ok(Response::new(stream.map_err(|error| status_of(&error)).boxed()))
}

/// A streamed answer that came from a remote node.
#[must_use]
pub fn received_stream<T: Send + 'static>(stream: tonic::Streaming<T>) -> BoxStream<'static, Result<T, Error>> {
    stream.map_err(|status| error_of(&status)).boxed()
}
