//! One request, from its headers to the headers of its answer.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use http::header::{
    ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use pulse_contract::errors;
use pulse_kernel::Error;

use crate::body::Body;
use crate::core::{Core, Target};
use crate::pipeline::meter::Meter;
use crate::pipeline::origin::{Origin, REQUEST_ID, TRACEPARENT};
use crate::problem::TraceId;
use crate::rest::Call;
use crate::{grpc, problem};

/// Answers a request that came from `peer`.
pub(crate) async fn serve(
    core: Arc<Core>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (parts, incoming) = request.into_parts();
    let origin = || Origin::read(&parts.headers, peer, &core.door.access, core.clock.now());
    if grpc::is_grpc(&parts.headers) {
        let origin = origin();
        return Ok(Box::pin(serve_grpc(&core, origin, parts, incoming)).await);
    }
    let Some(found) = core.table.find(&parts.method, parts.uri.path()) else {
        let origin = origin();
        return Ok(Box::pin(serve_other(&core, origin, parts, incoming)).await);
    };
    match found.target {
        Target::Raw(bytes) => Ok(Response::new(Body::full(bytes.clone()))),
        Target::Call(endpoint) => {
            let (origin, mut standing) = (origin(), None);
            let call = Call { core: &core, endpoint, found: &found, parts: &parts, origin: &origin };
            let allowed = core.door.check_address(origin.ip);
            let answer = match allowed {
                Ok(()) => guarded(call.answer(incoming, &mut standing)).await,
                Err(error) => Err(error),
            };
            let mut response = core.or_problem(answer, &endpoint.meter, &origin);
            if let Some(standing) = standing {
                endpoint.rpc.rates.write(standing, response.headers_mut());
            }
            Ok(core.finish(response, &endpoint.meter, &parts, &origin))
        }
        Target::Page(page) => {
            let origin = origin();
            let answer = match core.door.check_address(origin.ip) {
                Ok(()) => guarded(Box::pin(core.pages.own(&core, *page, &parts, &origin))).await,
                Err(error) => Err(error),
            };
            let response = core.or_problem(answer, &core.meters.page, &origin);
            Ok(core.finish(response, &core.meters.page, &parts, &origin))
        }
    }
}

async fn serve_grpc(core: &Core, origin: Origin, parts: Parts, incoming: Incoming) -> Response<Body> {
    let rpc = core.rpcs.get(parts.uri.path());
    let kind = parts.headers.get(CONTENT_TYPE).cloned();
    let request_headers = if core.cors.is_on() { parts.headers.clone() } else { http::HeaderMap::new() };
    let answer = match core.door.check_address(origin.ip) {
        Ok(()) => guarded(grpc::answer(core, rpc.as_deref(), (parts, incoming), &origin)).await,
        Err(error) => Err(error),
    };
    let meter = rpc.as_deref().map_or(&core.meters.grpc, |rpc| rpc.grpc_meter());
    let mut response = answer.unwrap_or_else(|error| {
        problem::report(&error, &meter.route, &origin);
        grpc::refusal(&error, kind)
    });
    core.cors.write(&request_headers, response.headers_mut());
    write_trace(&mut response, &origin);
    core.record(meter, grpc::status_for_meter(&response), &origin);
    response
}

/// What is in no table: a preflight, a method that the path does not take, a page that was handed in, or nothing.
async fn serve_other(core: &Core, origin: Origin, parts: Parts, incoming: Incoming) -> Response<Body> {
    if let Some(headers) = core.cors.preflight(&parts.method, &parts.headers) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        *response.headers_mut() = headers;
        write_trace(&mut response, &origin);
        core.record(&core.meters.preflight, StatusCode::NO_CONTENT, &origin);
        return response;
    }
    let seen = Parts::clone(&parts);
    let methods = core.table.methods_of(parts.uri.path());
    if methods.is_empty() {
        let answer = match core.door.check_address(origin.ip) {
            Ok(()) => guarded(core.pages.handed_in(core, (parts, incoming), &origin)).await,
            Err(error) => Err(error),
        };
        let is_unknown = matches!(&answer, Err(error) if error.code() == errors::UNKNOWN_ROUTE.code);
        let meter = if is_unknown { &core.meters.none } else { &core.meters.page };
        let response = core.or_problem(answer, meter, &origin);
        return core.finish(response, meter, &seen, &origin);
    }
    let allow = methods.iter().map(|method| method.as_str()).chain(["OPTIONS"]).collect::<Vec<_>>().join(", ");
    let mut response = if parts.method == Method::OPTIONS {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    } else {
        let error = errors::METHOD_NOT_ALLOWED.error(format!("this address takes {allow}"));
        core.or_problem(Err(error), &core.meters.none, &origin)
    };
    if let Ok(allow) = HeaderValue::try_from(allow) {
        response.headers_mut().insert(ALLOW, allow);
    }
    core.finish(response, &core.meters.none, &seen, &origin)
}

/// Runs `work`; a panic in it becomes an answer, and the process lives.
async fn guarded(work: impl Future<Output = Result<Response<Body>, Error>>) -> Result<Response<Body>, Error> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(errors::INTERNAL.error("a defect").caused_by(format!("panic: {message}")))
    })
}

fn write_trace(response: &mut Response<Body>, origin: &Origin) {
    response.headers_mut().insert(TRACEPARENT, origin.traceparent());
    response.headers_mut().insert(REQUEST_ID, origin.request_id());
}

impl Core {
    /// The answer, or the problem instead of it.
    fn or_problem(&self, answer: Result<Response<Body>, Error>, meter: &Meter, origin: &Origin) -> Response<Body> {
        answer.unwrap_or_else(|error| {
            problem::report(&error, &meter.route, origin);
            problem::response(&error, origin, &self.config.replies.errors_url)
        })
    }

    /// Adds what every answer carries, and counts it.
    fn finish(&self, mut response: Response<Body>, meter: &Meter, parts: &Parts, origin: &Origin) -> Response<Body> {
        write_trace(&mut response, origin);
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if !headers.contains_key(CONTENT_SECURITY_POLICY) {
            let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
            headers.insert(CONTENT_SECURITY_POLICY, nothing);
        }
        if self.config.replies.is_behind_tls {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        self.cors.write(&parts.headers, headers);
        self.record(meter, response.status(), origin);
        response
    }

    /// Counts an answer, and writes its line into the log.
    fn record(&self, meter: &Meter, status: StatusCode, origin: &Origin) {
        let took = origin.started.elapsed();
        meter.record(status, took);
        let (route, status) = (meter.route.as_str(), status.as_u16());
        if self.config.replies.has_access_log {
            let trace_id = tracing::field::display(TraceId(origin.trace.trace_id));
            let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            tracing::info!(trace_id, route, status, duration_us, "answered");
        } else {
            let trace_id = tracing::field::display(TraceId(origin.trace.trace_id));
            tracing::debug!(trace_id, route, status, duration_us = took.as_micros(), "answered");
        }
    }
}
