//! gRPC and gRPC-web on the same port: the same doorkeeper, tonic for the rest.

use std::sync::Arc;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use pulse_contract::grpc::{Admission, error_of, kind_of, status_of};
use pulse_contract::{MethodSpec, errors};
use pulse_kernel::{Cx, Error};
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::util::MapResponse;
use tower::{Layer, ServiceExt};

use crate::body::Body;
use crate::core::{Core, Rpcs};
use crate::pipeline::origin::Origin;
use crate::pipeline::{Asked, Doorkeeper, Rpc, deadline};
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
    let error = error_of(&status);
    let mut response = match problem::veil(&error) {
        Some(veiled) => status_of(&veiled).into_http(),
        None => response,
    };
    response.extensions_mut().insert(Failure(Arc::new(error)));
    response
}

/// Whether the request is gRPC or gRPC-web.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// Lets gRPC calls in like every other call.
pub(crate) struct GrpcAdmission {
    pub(crate) door: Arc<Doorkeeper>,
    pub(crate) rpcs: Arc<Rpcs>,
}

#[async_trait]
impl Admission for GrpcAdmission {
    async fn admit(
        &self,
        spec: &'static MethodSpec,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Cx, Error> {
        let origin = extensions
            .get::<Origin>()
            .ok_or_else(|| errors::INTERNAL.error("the call did not come through the edge"))?;
        let rpc = self.rpcs.of(spec);
        let timeout = deadline::of_grpc(headers, rpc.timeout);
        let asked = Asked { rpc: &rpc, headers, origin, timeout };
        self.door.admit(asked, &mut None).await
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
    let (places, slot) = match rpc {
        Some(rpc) if !rpc.is_stream() => (Some(door.enter(Some(rpc))?), None),
        Some(_) | None => (None, Some(door.enter_stream()?)),
    };
    let timeout = deadline::of_grpc(&parts.headers, rpc.map_or(deadline::DEFAULT, |rpc| rpc.timeout));
    parts.extensions.insert(origin.clone());
    let request = Request::from_parts(parts, tonic::body::Body::new(incoming));
    let answered = tokio::time::timeout(timeout, core.services.clone().oneshot(request)).await;
    let response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => {
            return Err(errors::DEADLINE_EXCEEDED.error("the time of the call is over; its outcome may be unknown"));
        }
    };
    drop(places);
    Ok(response.map(|body| Body::Grpc { body, _slot: slot }))
}

/// An error that came up before the call reached its service, in the content type that the caller speaks.
pub(crate) fn refusal(error: &Error, kind: Option<HeaderValue>) -> Response<Body> {
    let mut response: Response<tonic::body::Body> = status_of(error).into_http();
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response.map(|body| Body::Grpc { body, _slot: None })
}

/// The HTTP status that counts for an answer: gRPC itself always says 200.
pub(crate) fn status_for_meter(response: &Response<Body>) -> StatusCode {
    let Some(code) = response.headers().get("grpc-status") else { return response.status() };
    let code = Code::from_bytes(code.as_bytes());
    if code == Code::Ok { response.status() } else { problem::status_of_kind(kind_of(code)) }
}
