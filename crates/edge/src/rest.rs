//! REST: one contract call over HTTP and JSON.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use pulse_contract::{RestReply, RestRequest, Route, errors};
use pulse_kernel::{Cx, Error, Violation};
use pulse_telemetry::in_trace;

use crate::body::Body;
use crate::pipeline::capacity::{InFlightPermits, Permit};
use crate::pipeline::client::ClientInfo;
use crate::pipeline::deadline::in_time;
use crate::pipeline::detached::{deadline_exceeded, run_to_completion};
use crate::pipeline::guard::CallInput;
use crate::pipeline::meter::Meter;
use crate::pipeline::rate_limits::RateLimitStatus;
use crate::pipeline::rpc::Rpc;
use crate::pipeline::{body, compress, deadline};
use crate::problem;
use crate::routes::PathVariables;
use crate::shared::Shared;
use crate::sse::{self, EventStream, Messages};

/// Larger bodies are compressed on a blocking thread: they would occupy this one for more than a millisecond.
const GZIP_INLINE_BYTES_MAX: usize = 128 * 1024;
/// Id of the last message that the client of a stream has (HTML standard, section 9.2).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Minimum time after which the client of a stream reconnects.
const RECONNECT_MIN: Duration = Duration::from_secs(2);
/// Milliseconds over which the clients are spread.
const RECONNECT_SPREAD_MS: u128 = 2_000;
/// Capacity of the header map: content, tracing and security headers.
const HEADERS_CAPACITY: usize = 16;

/// A route of the contract with the values that are the same for each of its calls.
pub(crate) struct Endpoint {
    pub(crate) route: Route,
    pub(crate) rpc: Arc<Rpc>,
    pub(crate) meter: Meter,
}

/// One call.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) path: &'a PathVariables<'a, 'a>,
    pub(crate) parts: &'a Parts,
    pub(crate) client: &'a ClientInfo,
}

impl Call<'_> {
    /// Runs the call; `rate_status` receives the state of its rate limits.
    pub(crate) async fn run(
        &self,
        incoming: &mut Incoming,
        rate_status: &mut Option<RateLimitStatus>,
    ) -> Result<Response<Body>, Error> {
        let Self { shared, endpoint, parts, client, .. } = self;
        let (guard, limits) = (&shared.guard, &shared.config.limits);
        let permits = guard.acquire(Some(&endpoint.rpc))?;
        let bytes_max = limits.body_bytes_max.as_usize();
        if endpoint.route.has_body {
            body::check_headers(&parts.method, &parts.headers, bytes_max)?;
        }
        let timeout = deadline::of_rest(&parts.headers, endpoint.rpc.timeout)?;
        let call = CallInput { rpc: &endpoint.rpc, headers: &parts.headers, client, timeout };
        let cx = guard.check_call(call, rate_status).await?;
        let stream_permit = if endpoint.route.is_stream { Some(guard.acquire_stream()?) } else { None };
        let body = match endpoint.route.has_body {
            true => body::read(incoming, bytes_max, limits.body_timeout).await?,
            false => Bytes::new(),
        };
        match (self.reply(cx, &body, permits, timeout).await?, stream_permit) {
            (RestReply::Json(json), _) => Ok(self.json(json).await),
            (RestReply::Stream(messages), Some(permit)) => Ok(self.events(messages, permit).await),
            (RestReply::Stream(messages), None) => Ok(self.events(messages, guard.acquire_stream()?).await),
        }
    }

    /// Calls the handler and waits until `timeout` after the arrival of the request.
    async fn reply(
        &self,
        cx: Cx,
        body: &[u8],
        permits: InFlightPermits,
        timeout: Duration,
    ) -> Result<RestReply, Error> {
        let work = {
            let variables = self.path.decode().ok_or_else(path_not_utf8)?;
            let path: Vec<(&str, &str)> = variables.iter().map(as_pair).collect();
            let query = self.parts.uri.query().unwrap_or_default();
            (self.endpoint.route.handler)(cx, RestRequest { path: &path, query, body })
        };
        let left = || timeout.saturating_sub(self.client.started.elapsed());
        if self.endpoint.rpc.cancels_on_disconnect() {
            return in_time(left, work).await.ok_or_else(deadline_exceeded)?;
        }
        run_to_completion(work, Some(permits), left()).await?
    }

    async fn json(&self, json: Bytes) -> Response<Body> {
        let mut headers = reply_headers("application/json");
        if json.len() <= self.shared.config.replies.gzip_bytes_min.as_usize() {
            return response(headers, Body::full(json));
        }
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if compress::accepts_gzip(&self.parts.headers) {
            let plain = json.clone();
            let packed = match json.len() > GZIP_INLINE_BYTES_MAX {
                true => tokio::task::spawn_blocking(move || compress::gzip(&plain)).await.ok().flatten(),
                false => compress::gzip(&plain),
            };
            if let Some(packed) = packed {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                return response(headers, Body::full(packed));
            }
        }
        response(headers, Body::full(json))
    }

    /// Time after which the client of a stream reconnects: 2 to 4 seconds, spread over the clients, because a node that
    /// drains ends all of its streams at once.
    fn reconnect_delay(&self) -> Duration {
        let spread = u64::try_from(self.client.trace.trace_id % RECONNECT_SPREAD_MS).unwrap_or_default();
        RECONNECT_MIN + Duration::from_millis(spread)
    }

    async fn events(&self, messages: Messages, permit: Permit) -> Response<Body> {
        let (shared, client) = (Arc::clone(self.shared), self.client.clone());
        let route: Arc<str> = self.endpoint.meter.route.as_str().into();
        // The messages are produced after the response has started, and belong to the same trace.
        let trace = self.client.trace;
        let messages = futures::stream::unfold(messages, move |mut messages| {
            let route = Arc::clone(&route);
            in_trace(trace, async move {
                let message = messages.next().await?;
                Some((message.inspect_err(|error| problem::report(error, &route)), messages))
            })
        });
        let mut messages = messages.boxed();
        if let Some(seen) = self.parts.headers.get(LAST_EVENT_ID).filter(|seen| !seen.is_empty()) {
            match sse::resume(messages, seen.as_bytes()).await {
                Some(rest) => messages = rest,
                None => return no_content(),
            }
        }
        let problem = move |error: &Error| problem::json(error, &client, &shared.error_links);
        let draining = self.shared.draining.clone().cancelled_owned();
        let heartbeat = self.shared.config.replies.heartbeat;
        let events = EventStream::new(messages, problem, heartbeat, draining, permit);
        let events = events.reconnect_after(self.reconnect_delay());
        response(reply_headers("text/event-stream"), Body::Events(Box::new(events)))
    }
}

fn no_content() -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(HEADERS_CAPACITY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut response = response(headers, Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn as_pair<'a>((name, value): &'a (&str, Cow<'_, str>)) -> (&'a str, &'a str) {
    (name, value)
}

fn reply_headers(kind: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(HEADERS_CAPACITY);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers
}

fn response(headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response
}

fn path_not_utf8() -> Error {
    errors::VALIDATION_FAILED.error("the path is not valid UTF-8").with_violations([Violation {
        field: "path".into(),
        code: "path.utf8".into(),
        message: "must be UTF-8, percent-encoded".into(),
    }])
}
