//! One request, from its headers to the headers of its response.

use std::any::Any;
use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use futures::future::{Either, ready};
use http::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use pulse_contract::errors;
use pulse_kernel::Error;
use pulse_telemetry::{SpanKind, TraceSpan};

use crate::body::Body;
use crate::pages::Page;
use crate::pipeline::client::{ClientInfo, REQUEST_ID, TRACEPARENT};
use crate::pipeline::meter::Meter;
use crate::pipeline::{body, host};
use crate::rest::{Call, Endpoint};
use crate::routes::PathVariables;
use crate::table::{Table, Target};
use crate::{grpc, problem};

/// Media types that PATCH accepts (RFC 5789, section 3.1).
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

type Answer = Result<Response<Body>, Error>;

/// Serves a request that came from `peer`.
pub(crate) async fn serve(
    table: Arc<Table>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if let Err(error) = host::check(&request) {
        return Ok(refuse(&table, peer, request.headers(), error));
    }
    if grpc::is_grpc(request.headers()) {
        return Ok(Box::pin(serve_grpc(&table, peer, request)).await);
    }
    let (parts, incoming) = request.into_parts();
    let Some(found) = table.routes.find(&parts.method, parts.uri.path()) else {
        return Ok(Box::pin(serve_other(&table, peer, Request::from_parts(parts, incoming))).await);
    };
    let response = match found.target {
        Target::Constant(bytes) => Response::new(Body::full(bytes.clone())),
        Target::Call(endpoint) => {
            let scope = RequestScope::begin(&table, &endpoint.meter, peer, &parts.headers);
            scope.span.run(scope.call(endpoint, &found.path, &parts, incoming)).await
        }
        Target::Page(page) => {
            let scope = RequestScope::begin(&table, &table.shared.meters.page, peer, &parts.headers);
            Box::pin(scope.span.run(scope.page(*page, &parts))).await
        }
    };
    Ok(response)
}

/// The response to a request that breaks the rules of HTTP.
fn refuse(table: &Table, peer: IpAddr, headers: &HeaderMap, error: Error) -> Response<Body> {
    let scope = RequestScope::begin(table, &table.shared.meters.none, peer, headers);
    scope.finish(scope.or_problem(Err(error)), scope.meter)
}

/// The response, head and body, to a request that the HTTP library refused with `status` before it was read.
pub(crate) fn unreadable(table: &Table, peer: IpAddr, status: StatusCode) -> Option<Bytes> {
    let error = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => {
            let bytes_max = table.shared.config.limits.header_bytes_max.as_usize();
            let detail =
                format!("the request line and the headers must have at most {bytes_max} bytes and 100 headers");
            errors::HEADERS_TOO_LARGE.error(detail).with("bytes_max", bytes_max)
        }
        StatusCode::BAD_REQUEST => errors::MALFORMED_REQUEST.error("the head of the request is not valid HTTP"),
        _ => return None,
    };
    let none = HeaderMap::new();
    let scope = RequestScope::begin(table, &table.shared.meters.none, peer, &none);
    let problem = problem::json(&error, &scope.client, &table.shared.error_links);
    let mut response = scope.finish(scope.or_problem(Err(error)), scope.meter);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(problem.len()));
    let mut bytes = BytesMut::from(format!("HTTP/1.1 {}\r\n", response.status()).as_bytes());
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&problem);
    Some(bytes.freeze())
}

async fn serve_grpc(table: &Table, peer: IpAddr, request: Request<Incoming>) -> Response<Body> {
    let shared = &table.shared;
    let rpc = shared.rpcs.get(request.uri().path());
    let meter = rpc.as_deref().map_or(&shared.meters.grpc, |rpc| rpc.grpc_meter());
    let headers = request.headers().clone();
    let scope = RequestScope::begin(table, meter, peer, &headers);
    let work = async {
        let run = grpc::run(shared, &table.services, rpc.as_deref(), request, &scope.client);
        let mut response = scope.guarded(run).await.unwrap_or_else(|error| {
            scope.report(&error);
            let error = problem::redact(&error).unwrap_or(error);
            grpc::error_response(&error, headers.get(CONTENT_TYPE).cloned())
        });
        if let Some(grpc::Failure(error)) = response.extensions_mut().remove() {
            scope.report(&error);
        }
        scope.write_trace(&mut response);
        shared.cors.write(&headers, response.headers_mut());
        scope.record(grpc::status_for_meter(&response));
        response
    };
    scope.span.run(work).await
}

/// Serves a request without a route: a preflight, an unsupported method, a mounted page, or an unknown path.
async fn serve_other(table: &Table, peer: IpAddr, request: Request<Incoming>) -> Response<Body> {
    let shared = &table.shared;
    let headers = request.headers().clone();
    if let Some(allowed) = shared.cors.preflight(request.method(), &headers) {
        let scope = RequestScope::begin(table, &shared.meters.preflight, peer, &headers);
        let mut response = no_content();
        *response.headers_mut() = allowed;
        scope.write_trace(&mut response);
        scope.record(StatusCode::NO_CONTENT);
        return response;
    }
    // `OPTIONS *` is about the server and not about a path (RFC 9110, section 9.3.7).
    let methods = match request.uri().path() {
        "*" => table.routes.methods(),
        path => table.routes.methods_of(path),
    };
    if methods.is_empty() {
        let scope = RequestScope::begin(table, &shared.meters.page, peer, &headers);
        let work = async {
            let answer = scope.guarded(table.pages.mounted(shared, request, &scope.client)).await;
            let is_unknown = matches!(&answer, Err(error) if error.code() == errors::UNKNOWN_ROUTE.code);
            let meter = if is_unknown { &shared.meters.none } else { &shared.meters.page };
            scope.finish(scope.or_problem(answer), meter)
        };
        return scope.span.run(work).await;
    }
    let scope = RequestScope::begin(table, &shared.meters.none, peer, &headers);
    let allow = methods.iter().map(|method| method.as_str()).chain(["OPTIONS"]).collect::<Vec<_>>().join(", ");
    let mut response = match *request.method() {
        Method::OPTIONS => no_content(),
        _ => scope.or_problem(Err(errors::METHOD_NOT_ALLOWED.error(format!("this path supports {allow}")))),
    };
    if let Ok(allow) = HeaderValue::try_from(allow) {
        response.headers_mut().insert(ALLOW, allow);
    }
    if methods.contains(&&Method::PATCH) {
        response.headers_mut().insert(ACCEPT_PATCH, HeaderValue::from_static(body::PATCH_TYPES));
    }
    scope.finish(response, scope.meter)
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Whether a header may carry a trace context (W3C Trace Context, B3).
fn is_of_trace(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "traceparent" || name == "b3" || name.starts_with("x-b3-")
}

fn of_panic(panic: Box<dyn Any + Send>) -> Answer {
    let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Err(errors::INTERNAL.error("the handler panicked").caused_by(format!("panic: {message}")))
}

/// The processing of one request: its trace span, its client and its metrics.
struct RequestScope<'a> {
    table: &'a Table,
    meter: &'a Meter,
    /// Headers of the request.
    headers: &'a HeaderMap,
    span: TraceSpan,
    client: ClientInfo,
}

impl<'a> RequestScope<'a> {
    fn begin(table: &'a Table, meter: &'a Meter, peer: IpAddr, headers: &'a HeaderMap) -> Self {
        let shared = &table.shared;
        // Most requests carry no trace; one pass over the names is cheaper than a lookup per trace header.
        let is_traced = headers.keys().any(is_of_trace);
        let named = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let cause = shared.sampling.trace_of(|name| if is_traced { named(name) } else { None });
        let span = TraceSpan::open(&meter.route, SpanKind::Server, cause);
        let client = ClientInfo::read(headers, peer, &shared.guard.access, shared.clock.now(), span.trace());
        Self { table, meter, headers, span, client }
    }

    /// Serves an rpc of the contract.
    async fn call(
        &self,
        endpoint: &Endpoint,
        path: &PathVariables<'_, '_>,
        parts: &Parts,
        mut incoming: Incoming,
    ) -> Response<Body> {
        let shared = &self.table.shared;
        let mut rate_status = None;
        let call = Call { shared, endpoint, path, parts, client: &self.client };
        let answer = self.guarded(call.run(&mut incoming, &mut rate_status)).await;
        if answer.is_err() && !incoming.is_end_stream() {
            body::discard(incoming, parts, &shared.config.limits).await;
        }
        let mut response = self.or_problem(answer);
        if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE && parts.method == Method::PATCH {
            response.headers_mut().insert(ACCEPT_PATCH, HeaderValue::from_static(body::PATCH_TYPES));
        }
        if let Some(status) = rate_status {
            endpoint.rpc.rate_limits.write(status, response.headers_mut());
        }
        self.finish(response, self.meter)
    }

    /// Serves a page of the edge.
    async fn page(&self, page: Page, parts: &Parts) -> Response<Body> {
        let answer = self.guarded(self.table.pages.own(&self.table.shared, page, parts, &self.client)).await;
        self.finish(self.or_problem(answer), self.meter)
    }

    /// Runs `work` if the address of the client is allowed. A panic in it becomes an error of this request.
    fn guarded<W: Future<Output = Answer>>(&self, work: W) -> impl Future<Output = Answer> + use<W> {
        match self.table.shared.guard.check_address(self.client.ip) {
            Ok(()) => Either::Left(AssertUnwindSafe(work).catch_unwind().map(|done| done.unwrap_or_else(of_panic))),
            Err(denied) => Either::Right(ready(Err(denied))),
        }
    }

    /// The response, or the problem of the error.
    fn or_problem(&self, answer: Answer) -> Response<Body> {
        answer.unwrap_or_else(|error| {
            self.report(&error);
            problem::response(&error, &self.client, &self.table.shared.error_links)
        })
    }

    fn report(&self, error: &Error) {
        problem::report(error, &self.meter.route);
        if problem::status_of(error.spec()).is_server_error() {
            self.span.fail(error.code());
        }
    }

    fn write_trace(&self, response: &mut Response<Body>) {
        response.headers_mut().insert(TRACEPARENT, self.client.traceparent());
        response.headers_mut().insert(REQUEST_ID, self.client.request_id.clone());
    }

    /// Adds the headers of every response, and records its metrics.
    fn finish(&self, mut response: Response<Body>, meter: &Meter) -> Response<Body> {
        self.write_trace(&mut response);
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if !headers.contains_key(CONTENT_SECURITY_POLICY) {
            let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
            headers.insert(CONTENT_SECURITY_POLICY, nothing);
        }
        if self.table.shared.config.replies.is_behind_tls {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        self.table.shared.cors.write(self.headers, headers);
        let status = response.status();
        self.record_as(meter, status);
        response
    }

    fn record(&self, status: StatusCode) {
        self.record_as(self.meter, status);
    }

    /// Records the metrics of a response and writes its access log line.
    fn record_as(&self, meter: &Meter, status: StatusCode) {
        let took = self.client.started.elapsed();
        meter.record(status, took);
        self.span.set("http.response.status_code", status.as_u16());
        let (route, status) = (meter.route.as_str(), status.as_u16());
        if self.table.shared.config.replies.has_access_log {
            tracing::info!(route, status, duration_us = took.as_micros(), "request completed");
        } else {
            tracing::debug!(route, status, duration_us = took.as_micros(), "request completed");
        }
    }
}
