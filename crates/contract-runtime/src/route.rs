//! REST bindings as values. Nothing here knows HTTP: the edge finds the route, makes the `Cx` and writes the reply.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Violation};

use crate::idempotency::Call;
use crate::json::Json;
use crate::method::MethodSpec;
use crate::validate::Validate;

/// One REST binding of an rpc.
#[derive(Clone)]
pub struct Route {
    /// The HTTP method, for example `GET`.
    pub verb: &'static str,
    /// The path as google.api.http writes it, for example `/v1/shops/{shop_id}:open`.
    pub template: &'static str,
    /// The same path, parsed.
    pub path: Template,
    /// The rpc that it calls.
    pub spec: &'static MethodSpec,
    /// Whether the binding reads a body.
    pub has_body: bool,
    /// Whether the reply is a [`RestReply::Stream`].
    pub is_stream: bool,
    /// Decodes, validates, checks the scope, calls and encodes.
    pub handler: Handler,
}

/// A parsed path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// The steps of the path.
    pub segments: &'static [Segment],
    /// The variables, in the order in which they stand in the path.
    pub variables: &'static [Variable],
    /// What follows the last colon: `open` for `/v1/shops/{shop_id}:open`; empty when nothing does.
    pub verb: &'static str,
}

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Exactly this text.
    Literal(&'static str),
    /// Any one segment.
    One,
    /// Any number of segments, only at the end.
    Rest,
}

/// A variable of a path: its value is the text of the segments `from..to`, joined by slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The field that takes the value, for example `shop.id`.
    pub field: &'static str,
    /// The first segment.
    pub from: usize,
    /// The segment after the last one.
    pub to: usize,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} -> {}", self.verb, self.template, self.spec.path)
    }
}

/// What a route does. It decodes the request before it returns, so the future borrows nothing.
pub type Handler =
    Arc<dyn for<'a> Fn(Cx, RestRequest<'a>) -> BoxFuture<'static, Result<RestReply, Error>> + Send + Sync>;

/// What the edge hands to a route.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestRequest<'a> {
    /// The path variables as the template names them, percent-decoded.
    pub path: &'a [(&'a str, &'a str)],
    /// The query as it came, without the question mark.
    pub query: &'a str,
    /// The body as it came; empty when there is none.
    pub body: &'a [u8],
}

/// What a route answers.
pub enum RestReply {
    /// One JSON value.
    Json(Bytes),
    /// JSON messages, one after another.
    Stream(BoxStream<'static, Result<Bytes, Error>>),
}

/// Runs a decoded request through the checks that come before every call: rules, scope, idempotency.
///
/// # Errors
/// `VALIDATION_FAILED`, `UNAUTHENTICATED`, `PERMISSION_DENIED`.
pub fn prepare<T: Validate + prost::Message>(
    call: Call,
    scope: Option<ShopId>,
    cx: Cx,
    request: &T,
) -> Result<Cx, Error> {
    call.spec.policy.authorize(&cx.actor, scope)?;
    request.validate()?;
    Ok(call.bind(cx, request))
}

/// Makes a handler of how a request is read, checked and answered.
pub fn handler<T, Read, Prepare, Answer, Reply>(read: Read, prepare: Prepare, answer: Answer) -> Handler
where
    T: Send + 'static,
    Read: Fn(RestRequest<'_>) -> Result<T, Error> + Send + Sync + 'static,
    Prepare: Fn(Cx, &T) -> Result<Cx, Error> + Send + Sync + 'static,
    Answer: Fn(Cx, T) -> Reply + Send + Sync + 'static,
    Reply: Future<Output = Result<RestReply, Error>> + Send + 'static,
{
    Arc::new(move |cx, rest| {
        let checked = read(rest).and_then(|request| Ok((prepare(cx, &request)?, request)));
        match checked {
            Ok((cx, request)) => answer(cx, request).boxed(),
            Err(error) => futures::future::ready(Err(error)).boxed(),
        }
    })
}

/// Path of the whole body in a violation.
pub const BODY: &str = "body";

/// A handler of a binding whose body is the field `field` of the request: violations name the paths in the body, and
/// not in the request, which a caller over HTTP never sees.
#[must_use]
pub fn body_paths(field: &'static str, handler: Handler) -> Handler {
    Arc::new(move |cx, rest| handler(cx, rest).map_err(move |error| below_body(error, field)).boxed())
}

fn below_body(error: Error, field: &str) -> Error {
    error.map_violations(|violation| {
        let Some(below) = violation.field.strip_prefix(field) else { return violation };
        let path = match below.strip_prefix('.') {
            Some(path) => path.to_owned(),
            None if below.is_empty() => BODY.to_owned(),
            None if below.starts_with('[') => format!("{BODY}{below}"),
            None => return violation,
        };
        Violation { field: path.into(), ..violation }
    })
}

/// What `write` writes as a reply.
pub fn reply_with(write: impl FnOnce(&mut Vec<u8>)) -> RestReply {
    let mut out = Vec::new();
    write(&mut out);
    RestReply::Json(out.into())
}

/// Messages, one after another, as a reply.
#[must_use]
pub fn reply_stream<T: Json + 'static>(messages: BoxStream<'static, Result<T, Error>>) -> RestReply {
    RestReply::Stream(messages.map_ok(|message| message.to_json()).boxed())
}

/// One message as a reply.
#[must_use]
pub fn reply<T: Json>(message: &T) -> RestReply {
    RestReply::Json(message.to_json())
}
