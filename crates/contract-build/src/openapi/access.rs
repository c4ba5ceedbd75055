//! Access of an operation as Markdown: callers, rate limits, idempotency, deadline and error codes.

use std::collections::BTreeSet;

use super::Source;
use crate::binding::{Binding, Body, Method};
use crate::options::RateOption;

/// Deadline of an rpc without one.
const DEADLINE_MS: u32 = 10_000;

/// A table for the description of an operation.
pub(super) fn table(source: &Source<'_>, method: &Method, binding: &Binding) -> String {
    let own = own_errors(source, method);
    let rows = [
        ("Callers", callers(method)),
        ("Rate limit", rates(&method.policy.rates)),
        ("Idempotency key", idempotency(method, binding).to_owned()),
        ("Deadline", deadline(method)),
        ("Errors", links(own.iter().map(String::as_str))),
        ("General errors", links(general_errors(source, method, binding).into_iter())),
    ];
    let rows = rows.iter().filter(|(_, text)| !text.is_empty());
    let rows: Vec<String> = rows.map(|(name, text)| format!("| {name} | {text} |")).collect();
    format!("| | |\n|---|---|\n{}", rows.join("\n"))
}

/// The codes that the comment of an rpc names, in order.
pub(super) fn own_errors(source: &Source<'_>, method: &Method) -> Vec<String> {
    let comment = source.comments.of(&method.desc.parent_file(), method.desc.path());
    let mut codes: Vec<String> = Vec::new();
    // Every second piece is inside backticks.
    for name in comment.split('`').skip(1).step_by(2) {
        if is_code(source, name) && !codes.iter().any(|known| known == name) {
            codes.push(name.to_owned());
        }
    }
    codes
}

/// Links the error codes of a text to their pages.
pub(super) fn linked(source: &Source<'_>, text: &str) -> String {
    let pieces = text.split('`').enumerate().map(|(index, piece)| match index % 2 {
        0 => piece.to_owned(),
        _ if is_code(source, piece) => link(piece),
        _ => format!("`{piece}`"),
    });
    pieces.collect()
}

/// The link to the page of a code, which the node serves.
pub(super) fn link(code: &str) -> String {
    format!("[`{code}`](/errors/{code})")
}

fn is_code(source: &Source<'_>, name: &str) -> bool {
    source.codes.values().flatten().any(|code| code.name == name)
}

fn links<'a>(codes: impl Iterator<Item = &'a str>) -> String {
    codes.map(link).collect::<Vec<_>>().join(", ")
}

fn callers(method: &Method) -> String {
    let policy = &method.policy;
    let each = policy.callers.iter().map(|caller| match caller.as_str() {
        "ANYONE" => "anyone, also without a token".to_owned(),
        "CONSUMER" => "every signed-in account".to_owned(),
        "MERCHANT_STAFF" if policy.any_shop => "staff of a shop; the operation checks which".to_owned(),
        "MERCHANT_STAFF" => format!("staff of the shop in `{}`", policy.shop_field),
        "COURIER" => "couriers".to_owned(),
        "OPERATOR" => "operators".to_owned(),
        other => other.to_lowercase(),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn rates(rates: &[RateOption]) -> String {
    let each = rates.iter().map(|rate| {
        let per = match rate.per.as_str() {
            "USER" => "per account",
            "IP" => "per client address",
            _ => "for all callers together",
        };
        format!("{} calls in {} {per}", rate.count, duration(rate.window_ms))
    });
    each.collect::<Vec<_>>().join("; ")
}

fn idempotency(method: &Method, binding: &Binding) -> &'static str {
    match (method.policy.idempotent, binding.verb.as_str()) {
        (true, _) => "accepted in the header `Idempotency-Key`; a repeated request returns the saved response",
        (false, "GET" | "PUT" | "DELETE") => "not needed: repeating the request is safe",
        (false, _) => "not supported",
    }
}

fn deadline(method: &Method) -> String {
    let millis = match method.policy.deadline_ms {
        0 => DEADLINE_MS,
        millis => millis,
    };
    match method.desc.is_server_streaming() {
        true => format!("the stream ends after {}", duration(millis)),
        false => duration(millis),
    }
}

/// Milliseconds in the largest unit that divides them.
fn duration(millis: u32) -> String {
    for (unit, length) in [("h", 3_600_000), ("min", 60_000), ("s", 1_000)] {
        if let (Some(count), true) = (millis.checked_div(length), millis.is_multiple_of(length)) {
            return format!("{count} {unit}");
        }
    }
    format!("{millis} ms")
}

/// The shared codes that the policy and the form of the request can cause.
fn general_errors(source: &Source<'_>, method: &Method, binding: &Binding) -> BTreeSet<&'static str> {
    let policy = &method.policy;
    let is_called_by = |name: &str| policy.callers.iter().any(|caller| caller == name);
    let mut codes = BTreeSet::from(["VALIDATION_FAILED", "TOKEN_INVALID"]);
    if !is_called_by("ANYONE") {
        codes.extend(["UNAUTHENTICATED", "TOKEN_EXPIRED"]);
    }
    if !is_called_by("ANYONE") && !is_called_by("CONSUMER") {
        codes.insert("PERMISSION_DENIED");
    }
    if !policy.rates.is_empty() {
        codes.insert("RATE_LIMITED");
    }
    if binding.body != Body::None {
        codes.extend(["MALFORMED_JSON", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"]);
    }
    if policy.idempotent {
        codes.extend(["IDEMPOTENCY_KEY_INVALID", "IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_IN_FLIGHT"]);
    }
    if source.model.field(&method.desc.input(), "page_token").is_some() {
        codes.insert("PAGE_TOKEN_INVALID");
    }
    codes.retain(|code| is_code(source, code));
    codes
}
