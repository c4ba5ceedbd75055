//! gRPC and gRPC-web on the same port: the request guard of REST, and tonic for the protocol.

use std::sync::Arc;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::Limited;
use hyper::body::Incoming;
use pulse_contract::grpc::{Admission, error_of, kind_of, status_of};
use pulse_contract::{MethodSpec, errors};
use pulse_kernel::{Cx, Error};
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::util::MapResponse;
use tower::{Layer, ServiceExt};

use crate::body::Body;
use crate::grpc_stream::GrpcStream;
use crate::pipeline::capacity::StreamPermit;
use crate::pipeline::client::ClientInfo;
use crate::pipeline::deadline;
use crate::pipeline::detached::{deadline_exceeded, run_to_completion};
use crate::pipeline::guard::CallInput;
use crate::pipeline::rpc::Rpc;
use crate::problem;
use crate::shared::Shared;

/// The services behind the gRPC-web layer.
pub(crate) type Services = tonic_web::GrpcWebService<WithFailures>;
/// The services; a failed response carries its error as the extension [`Failure`].
pub(crate) type WithFailures = MapResponse<Routes, fn(Response<tonic::body::Body>) -> Response<tonic::body::Body>>;

/// Wraps the services for the edge.
pub(crate) fn serve(services: Routes) -> Services {
    tonic_web::GrpcWebLayer::new().layer(MapResponse::new(services.prepare(), note_failure))
}

/// The error of a failed response, for metrics and log.
#[derive(Clone)]
pub(crate) struct Failure(pub(crate) Arc<Error>);

/// Attaches the error of a failed response, and removes internal details from its status, as over REST.
fn note_failure(response: Response<tonic::body::Body>) -> Response<tonic::body::Body> {
    let Some(status) = Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok) else {
        return response;
    };
    let (error, mut response) = match undecoded(&status) {
        Some(error) => {
            let replaced = status_of(&error).into_http();
            (error, replaced)
        }
        None => {
            let error = error_of(&status);
            let replaced = problem::redact(&error).map(|redacted| status_of(&redacted).into_http());
            (error, replaced.unwrap_or(response))
        }
    };
    response.extensions_mut().insert(Failure(Arc::new(error)));
    response
}

/// The error of a message that never reached its service. Statuses of the services carry details, those of tonic do not.
fn undecoded(status: &Status) -> Option<Error> {
    if !status.details().is_empty() {
        return None;
    }
    if matches!(status.code(), Code::Internal | Code::Unknown | Code::InvalidArgument) {
        return Some(errors::VALIDATION_FAILED.error("the message is not valid protobuf").caused_by(status.clone()));
    }
    let is_too_large = matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted);
    is_too_large.then(|| errors::PAYLOAD_TOO_LARGE.error("the message is too large").caused_by(status.clone()))
}

/// Whether the request is gRPC or gRPC-web.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The context of a call that passed the request guard.
#[derive(Clone)]
struct Admitted {
    /// Path of the rpc.
    path: &'static str,
    cx: Cx,
}

/// Passes the context of a call from the request guard to its service.
pub(crate) struct GrpcAdmission;

#[async_trait]
impl Admission for GrpcAdmission {
    async fn admit(
        &self,
        spec: &'static MethodSpec,
        _headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Cx, Error> {
        let Admitted { path, cx } = extensions
            .get::<Admitted>()
            .ok_or_else(|| errors::INTERNAL.error("the call did not pass the request guard"))?;
        if *path != spec.path {
            return Err(errors::INTERNAL.error("the call passed the request guard for another rpc"));
        }
        Ok(cx.clone())
    }
}

/// Runs one call. `rpc` is `None` for services outside of the contract.
pub(crate) async fn run(
    shared: &Shared,
    services: &Services,
    rpc: Option<&Rpc>,
    mut request: Request<Incoming>,
    client: &ClientInfo,
) -> Result<Response<Body>, Error> {
    let guard = &shared.guard;
    // Streams of unknown length, such as reflection and health, have limits of their own.
    let (permits, stream_permit) = match rpc {
        Some(rpc) if !rpc.is_stream() => (Some(guard.acquire(Some(rpc))?), None),
        Some(_) => (None, Some(StreamPermit::Contract(guard.acquire_stream()?))),
        None => (None, Some(StreamPermit::Anonymous(guard.acquire_anonymous_stream(client.ip)?))),
    };
    let timeout = deadline::of_grpc(request.headers(), rpc.map_or(deadline::DEFAULT, |rpc| rpc.timeout));
    if let Some(rpc) = rpc {
        let call = CallInput { rpc, headers: request.headers(), client, timeout };
        let cx = guard.check_call(call, &mut None).await?;
        request.extensions_mut().insert(Admitted { path: rpc.spec.path, cx });
    }
    let bytes_max = shared.config.limits.body_bytes_max.as_usize();
    let request = request.map(|body| tonic::body::Body::new(Limited::new(body, bytes_max)));
    let work = services.clone().oneshot(request);
    let response = match rpc.is_none_or(Rpc::cancels_on_disconnect) {
        true => tokio::time::timeout(timeout, work).await.map_err(|_elapsed| deadline_exceeded())?,
        false => run_to_completion(work, permits, timeout).await?,
    };
    let response = response.unwrap_or_else(|never| match never {});
    let stream = stream_permit.map(|permit| GrpcStream::new(shared.draining.clone().cancelled_owned(), permit));
    Ok(response.map(|body| Body::Grpc { body, stream }))
}

/// The response of an error that occurred before the call reached its service, in the content type of the caller.
pub(crate) fn error_response(error: &Error, kind: Option<HeaderValue>) -> Response<Body> {
    let mut response: Response<tonic::body::Body> = status_of(error).into_http();
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response.map(|body| Body::Grpc { body, stream: None })
}

/// The HTTP status for the metrics; gRPC responses always have status 200.
pub(crate) fn status_for_meter(response: &Response<Body>) -> StatusCode {
    let Some(code) = response.headers().get("grpc-status") else { return response.status() };
    let code = Code::from_bytes(code.as_bytes());
    if code == Code::Ok { response.status() } else { problem::status_of_kind(kind_of(code)) }
}
