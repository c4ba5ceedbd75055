//! One request, from its headers to the headers of its answer.

use std::any::Any;
use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{Either, ready};
use http::header::{
    ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use pulse_contract::errors;
use pulse_kernel::Error;
use pulse_telemetry::{SpanKind, TraceSpan};

use crate::body::Body;
use crate::core::{Core, Target};
use crate::pages::Page;
use crate::pipeline::body;
use crate::pipeline::meter::Meter;
use crate::pipeline::origin::{Origin, REQUEST_ID, TRACEPARENT};
use crate::rest::{Call, Endpoint};
use crate::routes::Found;
use crate::{grpc, problem};

type Answer = Result<Response<Body>, Error>;

/// Answers a request that came from `peer`.
pub(crate) async fn serve(
    core: Arc<Core>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (parts, incoming) = request.into_parts();
    if grpc::is_grpc(&parts.headers) {
        return Ok(Box::pin(serve_grpc(&core, peer, parts, incoming)).await);
    }
    let Some(found) = core.table.find(&parts.method, parts.uri.path()) else {
        return Ok(Box::pin(serve_other(&core, peer, parts, incoming)).await);
    };
    let response = match found.target {
        Target::Raw(bytes) => Response::new(Body::full(bytes.clone())),
        Target::Call(endpoint) => {
            let exchange = Exchange::begin(&core, &endpoint.meter, peer, &parts.headers);
            exchange.span.run(exchange.call(endpoint, &found, &parts, incoming)).await
        }
        Target::Page(page) => {
            let exchange = Exchange::begin(&core, &core.meters.page, peer, &parts.headers);
            Box::pin(exchange.span.run(exchange.page(*page, &parts))).await
        }
    };
    Ok(response)
}

async fn serve_grpc(core: &Arc<Core>, peer: IpAddr, parts: Parts, incoming: Incoming) -> Response<Body> {
    let rpc = core.rpcs.get(parts.uri.path());
    let meter = rpc.as_deref().map_or(&core.meters.grpc, |rpc| rpc.grpc_meter());
    let headers = parts.headers.clone();
    let exchange = Exchange::begin(core, meter, peer, &headers);
    let work = async {
        let answer = exchange.guarded(grpc::answer(core, rpc.as_deref(), (parts, incoming), &exchange.origin)).await;
        let mut response = answer.unwrap_or_else(|error| {
            exchange.report(&error);
            let error = problem::veil(&error).unwrap_or(error);
            grpc::refusal(&error, headers.get(CONTENT_TYPE).cloned())
        });
        if let Some(grpc::Failure(error)) = response.extensions_mut().remove() {
            exchange.report(&error);
        }
        exchange.write_trace(&mut response);
        core.cors.write(&headers, response.headers_mut());
        exchange.record(grpc::status_for_meter(&response));
        response
    };
    exchange.span.run(work).await
}

/// What is in no table: a preflight, a method that the path does not take, a page that was handed in, or nothing.
async fn serve_other(core: &Arc<Core>, peer: IpAddr, parts: Parts, incoming: Incoming) -> Response<Body> {
    let headers = parts.headers.clone();
    if let Some(allowed) = core.cors.preflight(&parts.method, &headers) {
        let exchange = Exchange::begin(core, &core.meters.preflight, peer, &headers);
        let mut response = no_content();
        *response.headers_mut() = allowed;
        exchange.write_trace(&mut response);
        exchange.record(StatusCode::NO_CONTENT);
        return response;
    }
    let methods = core.table.methods_of(parts.uri.path());
    if methods.is_empty() {
        let exchange = Exchange::begin(core, &core.meters.page, peer, &headers);
        let work = async {
            let answer = exchange.guarded(core.pages.handed_in(core, (parts, incoming), &exchange.origin)).await;
            let is_unknown = matches!(&answer, Err(error) if error.code() == errors::UNKNOWN_ROUTE.code);
            let meter = if is_unknown { &core.meters.none } else { &core.meters.page };
            exchange.finish(exchange.or_problem(answer), meter)
        };
        return exchange.span.run(work).await;
    }
    let exchange = Exchange::begin(core, &core.meters.none, peer, &headers);
    let allow = methods.iter().map(|method| method.as_str()).chain(["OPTIONS"]).collect::<Vec<_>>().join(", ");
    let mut response = match parts.method {
        Method::OPTIONS => no_content(),
        _ => exchange.or_problem(Err(errors::METHOD_NOT_ALLOWED.error(format!("this address takes {allow}")))),
    };
    if let Ok(allow) = HeaderValue::try_from(allow) {
        response.headers_mut().insert(ALLOW, allow);
    }
    exchange.finish(response, exchange.meter)
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Whether a header may say which trace a request belongs to (W3C Trace Context, B3).
fn is_of_trace(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "traceparent" || name == "b3" || name.starts_with("x-b3-")
}

fn of_panic(panic: Box<dyn Any + Send>) -> Answer {
    let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Err(errors::INTERNAL.error("a defect").caused_by(format!("panic: {message}")))
}

/// A request and its answer.
struct Exchange<'a> {
    core: &'a Arc<Core>,
    meter: &'a Meter,
    /// The headers of the request.
    headers: &'a HeaderMap,
    span: TraceSpan,
    origin: Origin,
}

impl<'a> Exchange<'a> {
    fn begin(core: &'a Arc<Core>, meter: &'a Meter, peer: IpAddr, headers: &'a HeaderMap) -> Self {
        // Most requests carry no trace, and looking for each name costs more than looking at the names that are there.
        let is_traced = headers.keys().any(is_of_trace);
        let named = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let cause = core.sampling.trace_of(|name| if is_traced { named(name) } else { None });
        let span = TraceSpan::open(&meter.route, SpanKind::Server, cause);
        let origin = Origin::read(headers, peer, &core.door.access, (core.clock.now(), span.trace()));
        Self { core, meter, headers, span, origin }
    }

    /// Answers an rpc of the contract.
    async fn call(
        &self,
        endpoint: &Endpoint,
        found: &Found<'_, '_, Target>,
        parts: &Parts,
        mut incoming: Incoming,
    ) -> Response<Body> {
        let mut standing = None;
        let call = Call { core: self.core, endpoint, found, parts, origin: &self.origin };
        let answer = self.guarded(call.answer(&mut incoming, &mut standing)).await;
        if answer.is_err() && !incoming.is_end_stream() {
            body::discard(incoming, parts, &self.core.config.limits).await;
        }
        let mut response = self.or_problem(answer);
        if let Some(standing) = standing {
            endpoint.rpc.rates.write(standing, response.headers_mut());
        }
        self.finish(response, self.meter)
    }

    /// Answers a page of the edge itself.
    async fn page(&self, page: Page, parts: &Parts) -> Response<Body> {
        let answer = self.guarded(self.core.pages.own(self.core, page, parts, &self.origin)).await;
        self.finish(self.or_problem(answer), self.meter)
    }

    /// Runs `work` for whoever may call from there; a panic in it becomes an answer, and the process lives.
    fn guarded<W: Future<Output = Answer>>(&self, work: W) -> impl Future<Output = Answer> + use<W> {
        match self.core.door.check_address(self.origin.ip) {
            Ok(()) => Either::Left(AssertUnwindSafe(work).catch_unwind().map(|done| done.unwrap_or_else(of_panic))),
            Err(denied) => Either::Right(ready(Err(denied))),
        }
    }

    /// The answer, or the problem instead of it.
    fn or_problem(&self, answer: Answer) -> Response<Body> {
        answer.unwrap_or_else(|error| {
            self.report(&error);
            problem::response(&error, &self.origin, &self.core.config.replies.errors_url)
        })
    }

    fn report(&self, error: &Error) {
        problem::report(error, &self.meter.route);
        if problem::status_of(error.spec()).is_server_error() {
            self.span.fail(error.code());
        }
    }

    fn write_trace(&self, response: &mut Response<Body>) {
        response.headers_mut().insert(TRACEPARENT, self.origin.traceparent());
        response.headers_mut().insert(REQUEST_ID, self.origin.request_id.clone());
    }

    /// Adds what every answer carries, and counts it.
    fn finish(&self, mut response: Response<Body>, meter: &Meter) -> Response<Body> {
        self.write_trace(&mut response);
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if !headers.contains_key(CONTENT_SECURITY_POLICY) {
            let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
            headers.insert(CONTENT_SECURITY_POLICY, nothing);
        }
        if self.core.config.replies.is_behind_tls {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        self.core.cors.write(self.headers, headers);
        let status = response.status();
        self.record_as(meter, status);
        response
    }

    fn record(&self, status: StatusCode) {
        self.record_as(self.meter, status);
    }

    /// Counts an answer, and writes its line into the log.
    fn record_as(&self, meter: &Meter, status: StatusCode) {
        let took = self.origin.started.elapsed();
        meter.record(status, took);
        self.span.set("http.response.status_code", status.as_u16());
        let (route, status) = (meter.route.as_str(), status.as_u16());
        if self.core.config.replies.has_access_log {
            tracing::info!(route, status, duration_us = took.as_micros(), "answered");
        } else {
            tracing::debug!(route, status, duration_us = took.as_micros(), "answered");
        }
    }
}
