//! Errors: the problem+json schema, and the statuses of a route.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Source, access};
use crate::binding::{Binding, Body, Method};
use crate::catalogue::Code;

/// The HTTP status of a code.
fn status(code: &Code) -> u16 {
    if code.meaning.http != 0 {
        return code.meaning.http;
    }
    match code.meaning.kind.as_str() {
        "INVALID_ARGUMENT" => 400,
        "UNAUTHENTICATED" => 401,
        "PERMISSION_DENIED" => 403,
        "NOT_FOUND" => 404,
        "ALREADY_EXISTS" | "FAILED_PRECONDITION" | "ABORTED" => 409,
        "RESOURCE_EXHAUSTED" => 429,
        "DEADLINE_EXCEEDED" => 504,
        "UNAVAILABLE" => 503,
        _ => 500,
    }
}

/// The error statuses of a route.
fn statuses(source: &Source<'_>, package: &str, method: &Method, binding: &Binding) -> BTreeSet<u16> {
    // Of every route: parameters, tokens, deny lists, limits, defects, stores, deadlines.
    let mut statuses = BTreeSet::from([400, 401, 403, 429, 431, 500, 503, 504]);
    if binding.body != Body::None {
        statuses.extend([413, 415]);
    }
    if method.policy.idempotent {
        statuses.insert(422);
    }
    let is_read = matches!(binding.verb.as_str(), "GET" | "HEAD");
    if !is_read {
        statuses.insert(409);
    }
    // The codes of the context; a read has no conflicts.
    let own = source.codes.get(package).into_iter().flatten();
    // The comment of an rpc may name codes of the contexts that it calls.
    let named = access::own_errors(source, method);
    let named = source.codes.values().flatten().filter(|code| named.contains(&code.name));
    let codes = own.chain(named).map(status);
    statuses.extend(codes.filter(|status| *status != 409 || !is_read));
    statuses
}

/// The error responses of a route.
pub(super) fn of_route(
    source: &Source<'_>,
    package: &str,
    method: &Method,
    binding: &Binding,
) -> BTreeMap<String, Value> {
    let reference = |status: u16| {
        let pointer = format!("#/components/responses/{}", name(status));
        (status.to_string(), json!({ "$ref": pointer }))
    };
    statuses(source, package, method, binding).into_iter().map(reference).collect()
}

fn name(status: u16) -> String {
    format!("Problem{status}")
}

/// The error responses of all routes.
pub(super) fn responses(source: &Source<'_>) -> BTreeMap<String, Value> {
    let mut used = BTreeSet::new();
    for (package, services) in source.services {
        for method in services.iter().flat_map(|service| &service.methods) {
            for binding in &method.bindings {
                used.extend(statuses(source, package, method, binding));
            }
        }
    }
    used.into_iter().map(|used| (name(used), response(source, used))).collect()
}

fn response(source: &Source<'_>, used: u16) -> Value {
    let codes = source.codes.values().flatten().filter(|code| status(code) == used);
    let lines: Vec<String> =
        codes.map(|code| format!("- {}: {}", access::link(&code.name), code.meaning.title)).collect();
    let description = if lines.is_empty() { format!("Error with status {used}.") } else { lines.join("\n") };
    let mut response = json!({
        "description": description,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    if matches!(used, 429 | 503)
        && let Some(response) = response.as_object_mut()
    {
        let schema = json!({ "type": "integer", "minimum": 0 });
        let header = json!({ "description": "Seconds to wait before the next attempt.", "schema": schema });
        response.insert("headers".to_owned(), json!({ "Retry-After": header }));
    }
    response
}

/// Schema of an error response.
pub(super) fn schema() -> Value {
    let violation = json!({
        "type": "object",
        "required": ["field", "code", "message"],
        "properties": {
            "field": { "type": "string", "description": "Path of the field, for example items[2].quantity." },
            "code": { "type": "string", "description": "Stable code of the rule, for example string.max_len." },
            "message": { "type": "string", "description": "Explanation of the violation, for people." },
        },
    });
    let retry = "Advice about retries: never, same_key (immediately with the same idempotency key) or backoff (later, \
        with increasing delays).";
    json!({
        "type": "object",
        "description": "Error of a refused or failed request (RFC 9457).",
        "required": ["type", "title", "status", "code", "retry"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "description": "Page about the error code." },
            "title": { "type": "string", "description": "Short title of the error in the language of the caller." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "Explanation of this occurrence: the rule and the value." },
            "instance": { "type": "string", "description": "Request ID, for support and operators." },
            "code": { "type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,62}$", "description": "Stable error code." },
            "retry": { "enum": ["never", "same_key", "backoff"], "description": retry },
            "metadata": { "type": "object", "additionalProperties": { "type": "string" } },
            "errors": { "type": "array", "items": violation },
            "trace_id": { "type": "string", "description": "Trace ID, for operators." },
        },
    })
}
