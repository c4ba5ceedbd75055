//! gRPC and gRPC-web on the same port: the same doorkeeper, tonic for the rest.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::Limited;
use hyper::body::Incoming;
use pulse_contract::grpc::{Admission, error_of, kind_of, status_of};
use pulse_contract::{MethodSpec, errors};
use pulse_kernel::{Cx, Error};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::util::MapResponse;
use tower::{Layer, ServiceExt};

use crate::body::Body;
use crate::core::Core;
use crate::pipeline::capacity::StreamPlace;
use crate::pipeline::origin::Origin;
use crate::pipeline::outlive::{to_the_end, too_late};
use crate::pipeline::{Asked, Rpc, deadline};
use crate::problem;

/// The services behind the web layer.
pub(crate) type Services = tonic_web::GrpcWebService<Noted>;
/// The services, whose failures are noted for whoever counts them.
pub(crate) type Noted = MapResponse<Routes, fn(Response<tonic::body::Body>) -> Response<tonic::body::Body>>;

/// The services as the edge serves them.
pub(crate) fn serve(services: Routes) -> Services {
    tonic_web::GrpcWebLayer::new().layer(MapResponse::new(services.prepare(), note_failure))
}

/// Why a service refused, on its way to whoever counts and tells.
#[derive(Clone)]
pub(crate) struct Failure(pub(crate) Arc<Error>);

/// Notes why a service refused. Of our own failures the caller reads the same as over REST.
fn note_failure(response: Response<tonic::body::Body>) -> Response<tonic::body::Body> {
    let Some(status) = Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok) else {
        return response;
    };
    let (error, mut response) = match unread(&status) {
        Some(error) => {
            let told = status_of(&error).into_http();
            (error, told)
        }
        None => {
            let error = error_of(&status);
            let told = problem::veil(&error).map(|veiled| status_of(&veiled).into_http());
            (error, told.unwrap_or(response))
        }
    };
    response.extensions_mut().insert(Failure(Arc::new(error)));
    response
}

/// What is wrong with a message that never reached its service: what the services say comes with details.
fn unread(status: &Status) -> Option<Error> {
    if !status.details().is_empty() {
        return None;
    }
    if matches!(status.code(), Code::Internal | Code::Unknown | Code::InvalidArgument) {
        return Some(errors::VALIDATION_FAILED.error("the message cannot be read").caused_by(status.clone()));
    }
    let is_too_large = matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted);
    is_too_large.then(|| errors::PAYLOAD_TOO_LARGE.error("the message is too large").caused_by(status.clone()))
}

/// Whether the request is gRPC or gRPC-web.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The context of a call that was admitted before a byte of its body was read.
#[derive(Clone)]
struct Admitted {
    /// The rpc.
    path: &'static str,
    cx: Cx,
}

/// Hands the context of an admitted call to its service.
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
            .ok_or_else(|| errors::INTERNAL.error("the call did not come through the edge"))?;
        if *path != spec.path {
            return Err(errors::INTERNAL.error("the call was admitted to another rpc"));
        }
        Ok(cx.clone())
    }
}

/// Answers one call. `rpc` is what is known of it by its path.
pub(crate) async fn answer(
    core: &Core,
    rpc: Option<&Rpc>,
    (mut parts, incoming): (Parts, Incoming),
    origin: &Origin,
) -> Result<Response<Body>, Error> {
    let door = &core.door;
    // Streams of unknown length, such as reflection and health, are counted apart from calls.
    let (places, place) = match rpc {
        Some(rpc) if !rpc.is_stream() => (Some(door.enter(Some(rpc))?), None),
        Some(_) => (None, Some(StreamPlace::Contract(door.enter_stream()?))),
        None => (None, Some(StreamPlace::Guest(door.enter_as_guest(origin.ip)?))),
    };
    let timeout = deadline::of_grpc(&parts.headers, rpc.map_or(deadline::DEFAULT, |rpc| rpc.timeout));
    if let Some(rpc) = rpc {
        let asked = Asked { rpc, headers: &parts.headers, origin, timeout };
        let cx = door.admit(asked, &mut None).await?;
        parts.extensions.insert(Admitted { path: rpc.spec.path, cx });
    }
    let incoming = Limited::new(incoming, core.config.limits.body_bytes_max.as_usize());
    let request = Request::from_parts(parts, tonic::body::Body::new(incoming));
    let work = core.services.clone().oneshot(request);
    let response = match rpc.is_none_or(Rpc::cancels_on_disconnect) {
        true => tokio::time::timeout(timeout, work).await.map_err(|_elapsed| too_late())?,
        false => to_the_end(work, places, timeout).await?,
    };
    let response = response.unwrap_or_else(|never| match never {});
    let stream = place.map(|place| GrpcStream::new(core.draining.clone().cancelled_owned(), place));
    Ok(response.map(|body| Body::Grpc { body, stream }))
}

/// What a streamed answer needs besides its body: its place, and to hear when the node leaves.
pub(crate) struct GrpcStream {
    draining: Pin<Box<WaitForCancellationFutureOwned>>,
    is_over: bool,
    _place: StreamPlace,
}

impl GrpcStream {
    fn new(draining: WaitForCancellationFutureOwned, place: StreamPlace) -> Self {
        Self { draining: Box::pin(draining), is_over: false, _place: place }
    }

    /// The last words of a stream that the node ends because it is leaving; then nothing.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<HeaderMap>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        ready!(self.draining.as_mut().poll(cx));
        self.is_over = true;
        let status = status_of(&errors::DRAINING.error("the node is leaving; connect again"));
        let mut trailers = status.into_http::<tonic::body::Body>().into_parts().0.headers;
        trailers.remove(CONTENT_TYPE);
        Poll::Ready(Some(trailers))
    }
}

/// An error that came up before the call reached its service, in the content type that the caller speaks.
pub(crate) fn refusal(error: &Error, kind: Option<HeaderValue>) -> Response<Body> {
    let mut response: Response<tonic::body::Body> = status_of(error).into_http();
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response.map(|body| Body::Grpc { body, stream: None })
}

/// The HTTP status that counts for an answer: gRPC itself always says 200.
pub(crate) fn status_for_meter(response: &Response<Body>) -> StatusCode {
    let Some(code) = response.headers().get("grpc-status") else { return response.status() };
    let code = Code::from_bytes(code.as_bytes());
    if code == Code::Ok { response.status() } else { problem::status_of_kind(kind_of(code)) }
}
