//! REST: one contract call over HTTP and JSON.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response};
use hyper::body::Incoming;
use pulse_contract::{RestReply, RestRequest, Route, errors};
use pulse_kernel::{Cx, Error, Violation};
use pulse_telemetry::in_trace;

use crate::body::Body;
use crate::core::Core;
use crate::pipeline::capacity::Slot;
use crate::pipeline::deadline::in_time;
use crate::pipeline::meter::Meter;
use crate::pipeline::origin::Origin;
use crate::pipeline::outlive::{to_the_end, too_late};
use crate::pipeline::rates::Standing;
use crate::pipeline::{Asked, Places, Rpc, body, compress, deadline};
use crate::problem;
use crate::routes::Found;
use crate::sse::EventStream;

/// Bodies above this are compressed on a thread of their own: on this one it would take more than a millisecond.
const GZIP_INLINE_BYTES_MAX: usize = 128 * 1024;
/// Security headers, tracing headers and what the body needs.
const HEADERS_CAPACITY: usize = 16;

/// A route of the contract with everything that is the same for each of its calls.
pub(crate) struct Endpoint {
    pub(crate) route: Route,
    pub(crate) rpc: Arc<Rpc>,
    pub(crate) meter: Meter,
}

/// One call.
pub(crate) struct Call<'a, 'table, 'path> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) found: &'a Found<'table, 'path, crate::core::Target>,
    pub(crate) parts: &'a Parts,
    pub(crate) origin: &'a Origin,
}

impl Call<'_, '_, '_> {
    /// The answer; where the caller stands with its rate limits goes to `standing`.
    pub(crate) async fn answer(
        &self,
        incoming: &mut Incoming,
        standing: &mut Option<Standing>,
    ) -> Result<Response<Body>, Error> {
        let Self { core, endpoint, parts, origin, .. } = self;
        let (door, limits) = (&core.door, &core.config.limits);
        let places = door.enter(Some(&endpoint.rpc))?;
        let bytes_max = limits.body_bytes_max.as_usize();
        if endpoint.route.has_body {
            body::check_headers(&parts.headers, bytes_max)?;
        }
        let timeout = deadline::of_rest(&parts.headers, endpoint.rpc.timeout)?;
        let asked = Asked { rpc: &endpoint.rpc, headers: &parts.headers, origin, timeout };
        let cx = door.admit(asked, standing).await?;
        let slot = if endpoint.route.is_stream { Some(door.enter_stream()?) } else { None };
        let body = match endpoint.route.has_body {
            true => body::read(incoming, bytes_max, limits.body_timeout).await?,
            false => Bytes::new(),
        };
        match (self.reply(cx, &body, (places, timeout)).await?, slot) {
            (RestReply::Json(json), _) => Ok(self.json(json).await),
            (RestReply::Stream(messages), Some(slot)) => Ok(self.events(messages, slot)),
            (RestReply::Stream(messages), None) => Ok(self.events(messages, door.enter_stream()?)),
        }
    }

    /// Calls the route and waits until `timeout` after the request came.
    async fn reply(&self, cx: Cx, body: &[u8], (places, timeout): (Places, Duration)) -> Result<RestReply, Error> {
        let work = {
            let variables = self.found.variables().ok_or_else(not_utf8)?;
            let path: Vec<(&str, &str)> = variables.iter().map(as_pair).collect();
            let query = self.parts.uri.query().unwrap_or_default();
            (self.endpoint.route.handler)(cx, RestRequest { path: &path, query, body })
        };
        let left = || timeout.saturating_sub(self.origin.started.elapsed());
        if self.endpoint.rpc.cancels_on_disconnect() {
            return in_time(left, work).await.ok_or_else(too_late)?;
        }
        to_the_end(work, Some(places), left()).await?
    }

    async fn json(&self, json: Bytes) -> Response<Body> {
        let mut headers = reply_headers("application/json");
        if json.len() <= self.core.config.replies.gzip_bytes_min.as_usize() {
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

    fn events(&self, messages: BoxStream<'static, Result<Bytes, Error>>, slot: Slot) -> Response<Body> {
        let (core, origin) = (Arc::clone(self.core), self.origin.clone());
        let route: Arc<str> = self.endpoint.meter.route.as_str().into();
        // What makes the messages runs after the answer has begun, and still belongs to its trace.
        let trace = self.origin.trace;
        let messages = futures::stream::unfold(messages, move |mut messages| {
            let route = Arc::clone(&route);
            in_trace(trace, async move {
                let message = messages.next().await?;
                Some((message.inspect_err(|error| problem::report(error, &route)), messages))
            })
        });
        let problem = move |error: &Error| problem::json(error, &origin, &core.config.replies.errors_url);
        let draining = self.core.draining.clone().cancelled_owned();
        let heartbeat = self.core.config.replies.heartbeat;
        let events = EventStream::new(messages.boxed(), problem, heartbeat, draining, slot);
        response(reply_headers("text/event-stream"), Body::Events(Box::new(events)))
    }
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

fn not_utf8() -> Error {
    errors::VALIDATION_FAILED.error("the path is not UTF-8").with_violations([Violation {
        field: "path".into(),
        code: "path.utf8".into(),
        message: "percent-encode text as UTF-8".into(),
    }])
}
