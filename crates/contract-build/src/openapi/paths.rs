//! Operations: access, parameters, bodies, responses and an example of every route.

use std::collections::BTreeMap;

use prost_reflect::MessageDescriptor;
use serde_json::{Map, Value, json};

use super::{Source, access, examples, problem, schemas};
use crate::binding::{Binding, Body, Method, Service};
use crate::model::{Field, Place, Shape};
use crate::template::Segment;

/// Adds the routes of a service.
pub(super) fn add(source: &Source<'_>, service: &Service, paths: &mut BTreeMap<String, BTreeMap<String, Value>>) {
    for method in &service.methods {
        for (index, binding) in method.bindings.iter().enumerate() {
            let operation = operation(source, service, method, (index, binding));
            let verb = binding.verb.to_lowercase();
            // OpenAPI has these verbs only; others become extensions.
            let is_known = matches!(verb.as_str(), "get" | "put" | "post" | "delete" | "patch" | "head" | "options");
            let verb = if is_known { verb } else { format!("x-{verb}") };
            paths.entry(path(binding)).or_default().insert(verb, operation);
        }
    }
}

/// The path in OpenAPI syntax, which has no patterns: `/v1/{name=shops/*}` becomes `/v1/shops/{name}`.
pub(super) fn path(binding: &Binding) -> String {
    let mut path = String::new();
    for (index, segment) in binding.template.segments.iter().enumerate() {
        path.push('/');
        match segment {
            Segment::Literal(text) => path += text,
            Segment::One | Segment::Rest => path += &format!("{{{}}}", wildcard(binding, index)),
        }
    }
    if !binding.template.verb.is_empty() {
        path += &format!(":{}", binding.template.verb);
    }
    path
}

/// Name of the wildcard at a segment: that of its variable, numbered if the variable has several.
fn wildcard(binding: &Binding, index: usize) -> String {
    let template = &binding.template;
    let is_wild = |index: &usize| !matches!(template.segments.get(*index), Some(Segment::Literal(_)));
    let Some(variable) = template.variables.iter().find(|variable| (variable.from..variable.to).contains(&index))
    else {
        return format!("segment_{index}");
    };
    let wild: Vec<usize> = (variable.from..variable.to).filter(is_wild).collect();
    let name = flat_name(binding, &variable.field);
    match wild.iter().position(|wild| *wild == index) {
        Some(position) if wild.len() > 1 => format!("{name}_{}", position + 1),
        _ => name,
    }
}

/// `shop.id` as `shop_id`, because client generators do not support dots, unless another variable has that name.
fn flat_name(binding: &Binding, field: &str) -> String {
    let flat = field.replace('.', "_");
    let is_taken =
        |name: &str| binding.template.variables.iter().any(|other| other.field == name && other.field != field);
    if is_taken(&flat) { field.to_owned() } else { flat }
}

fn operation(source: &Source<'_>, service: &Service, method: &Method, (index, binding): (usize, &Binding)) -> Value {
    let comment = source.comments.of(&method.desc.parent_file(), method.desc.path());
    let suffix = if index == 0 { String::new() } else { format!("_{}", index + 1) };
    let package = service.desc.package_name();
    let mut responses = problem::of_route(source, package, method, binding);
    responses.insert("200".to_owned(), success(source, method, binding));
    if method.desc.is_server_streaming() {
        let ended = "The stream has ended, and nothing follows the message in `Last-Event-ID`; do not reconnect.";
        responses.insert("204".to_owned(), json!({ "description": ended }));
    }
    let public = method.policy.callers.iter().any(|caller| caller == "ANYONE");
    let mut operation = json!({
        "operationId": format!("{}_{}{suffix}", service.stem(), method.desc.name()),
        "tags": [service.stem()],
        "summary": comment.lines().next().unwrap_or_default().replace('`', ""),
        "description": description(source, method, binding, comment),
        "parameters": parameters(source, method, binding),
        "responses": responses,
        "security": if public { json!([{}, { "bearer": [] }]) } else { json!([{ "bearer": [] }]) },
        "x-pulse-policy": policy(method),
        "x-pulse-errors": access::own_errors(source, method),
        "x-codeSamples": [{ "lang": "Shell", "label": "curl", "source": examples::curl(source, method, binding) }],
    });
    if let (Some(body), Some(operation)) = (request_body(source, method, binding), operation.as_object_mut()) {
        operation.insert("requestBody".to_owned(), body);
    }
    operation
}

/// The comment of the rpc, its access, and an example request.
fn description(source: &Source<'_>, method: &Method, binding: &Binding, comment: &str) -> String {
    let (table, curl) = (access::table(source, method, binding), examples::curl(source, method, binding));
    format!("{}\n\n{table}\n\n```sh\n{curl}\n```", access::linked(source, comment))
}

fn policy(method: &Method) -> Value {
    let policy = &method.policy;
    let rates: Vec<Value> = policy
        .rates
        .iter()
        .map(|rate| json!({ "per": rate.per.to_lowercase(), "count": rate.count, "window_ms": rate.window_ms }))
        .collect();
    let callers: Vec<String> = policy.callers.iter().map(|caller| caller.to_lowercase()).collect();
    json!({ "callers": callers, "rates": rates, "idempotent": policy.idempotent })
}

fn parameters(source: &Source<'_>, method: &Method, binding: &Binding) -> Vec<Value> {
    let mut parameters = Vec::new();
    let input = method.desc.input();
    for (index, segment) in binding.template.segments.iter().enumerate() {
        if !matches!(segment, Segment::Literal(_)) {
            parameters.push(path_parameter(source, &input, binding, index));
        }
    }
    if binding.body != Body::Whole {
        query_parameters(source, &[input], binding, "", &mut parameters);
    }
    if method.policy.idempotent {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "Unique value that the client generates per intended action, for example a UUID. A repeated \
                request with the same key returns the response of the first one.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$" },
        }));
    }
    parameters
}

fn path_parameter(source: &Source<'_>, input: &MessageDescriptor, binding: &Binding, index: usize) -> Value {
    let variable = binding.template.variables.iter().find(|variable| (variable.from..variable.to).contains(&index));
    let field = variable.and_then(|variable| source.model.resolve(input, &variable.field)?.pop());
    // The rules of a variable that spans more than its wildcard apply to the whole value, not to the part.
    let is_whole = variable.is_some_and(|variable| variable.to - variable.from == 1);
    let schema = match field {
        Some(field) if is_whole => schemas::non_empty(schemas::value(&field.shape, &field.rules)),
        _ => json!({ "type": "string", "minLength": 1 }),
    };
    json!({
        "name": wildcard(binding, index),
        "in": "path",
        "required": true,
        "description": field.map(|field| comment(source, field)).unwrap_or_default(),
        "schema": schema,
    })
}

fn comment<'a>(source: &Source<'a>, field: &Field) -> &'a str {
    source.comments.of(&field.desc.parent_file(), field.desc.path())
}

/// Adds the fields of the last of `messages`, which are nested. A message that contains itself is not repeated in the
/// document; deeper fields work.
fn query_parameters(
    source: &Source<'_>,
    messages: &[MessageDescriptor],
    binding: &Binding,
    prefix: &str,
    parameters: &mut Vec<Value>,
) {
    let message = messages.last().and_then(|message| source.model.message(message));
    let Some(fields) = message.map(|message| &message.fields) else { return };
    for field in fields {
        let name = format!("{prefix}{}", field.name());
        let is_bound = binding.template.variables.iter().any(|variable| variable.field == name)
            || binding.body == Body::Field(name.clone());
        if is_bound || matches!(field.place, Place::Map(_)) {
            continue;
        }
        if let Shape::Message(below) = &field.shape {
            if field.place == Place::Optional && !messages.contains(below) {
                let messages = [messages, std::slice::from_ref(below)].concat();
                query_parameters(source, &messages, binding, &format!("{name}."), parameters);
            }
            continue;
        }
        parameters.push(json!({
            "name": name,
            "in": "query",
            "required": prefix.is_empty() && schemas::is_required(field),
            "description": comment(source, field),
            "schema": schemas::field(field),
        }));
    }
}

fn request_body(source: &Source<'_>, method: &Method, binding: &Binding) -> Option<Value> {
    let input = method.desc.input();
    let (schema, is_required) = match &binding.body {
        Body::None => return None,
        Body::Whole => {
            let in_path: Vec<&str> =
                binding.template.variables.iter().map(|variable| variable.field.as_str()).collect();
            let message = source.model.message(&input)?;
            let left = message.fields.iter().filter(|field| !in_path.contains(&field.name()));
            let is_required =
                left.into_iter().any(schemas::is_required) || message.oneofs.iter().any(|oneof| oneof.required);
            let schema = if message.fields.iter().any(|field| in_path.contains(&field.name())) {
                schemas::message(source, message, &in_path)
            } else {
                schemas::reference(&input)
            };
            (schema, is_required || binding.replaces())
        }
        Body::Field(name) => {
            let field = source.model.field(&input, name)?;
            (schemas::field(field), field.rules.required || binding.replaces())
        }
    };
    let example = examples::body(source, method, binding);
    Some(json!({
        "required": is_required,
        "content": { "application/json": { "schema": schema, "example": example } },
    }))
}

fn success(source: &Source<'_>, method: &Method, binding: &Binding) -> Value {
    let output = method.desc.output();
    let about = source.comments.of(&output.parent_file(), output.path());
    let schema = match source.model.field(&output, &binding.response_body) {
        Some(field) => schemas::field(field),
        None => schemas::reference(&output),
    };
    let mut content = Map::new();
    if method.desc.is_server_streaming() {
        let note = format!(
            "Server-sent events; `data` of each event is one {} as JSON. After a disconnect, send the `id` of the last event \
             as `Last-Event-ID`: that event is left out.",
            output.name()
        );
        // One event of the stream, in the JSON Schema vocabulary for content of strings.
        let data = json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": schema });
        let event = json!({ "type": "object", "description": note, "properties": { "data": data } });
        content.insert("text/event-stream".to_owned(), json!({ "schema": event }));
    } else {
        content.insert("application/json".to_owned(), json!({ "schema": schema }));
    }
    let description = if about.is_empty() { output.name() } else { about };
    json!({ "description": description, "content": content })
}
