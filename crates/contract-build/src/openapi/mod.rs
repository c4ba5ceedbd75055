//! The OpenAPI 3.1 document, generated from the model from which the routes are generated.

mod access;
mod examples;
mod paths;
mod problem;
mod schemas;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::binding::Service;
use crate::catalogue::Code;
use crate::model::{Comments, Model};

/// Input of the document.
pub(crate) struct Source<'a> {
    pub(crate) model: &'a Model,
    pub(crate) services: &'a BTreeMap<String, Vec<Service>>,
    pub(crate) codes: &'a BTreeMap<String, Vec<Code>>,
    pub(crate) comments: &'a Comments,
    pub(crate) title: &'a str,
    pub(crate) version: &'a str,
}

/// The document as JSON text.
pub(crate) fn document(source: &Source<'_>) -> String {
    let mut paths: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    let mut tags = Vec::new();
    for service in source.services.values().flatten() {
        let about = source.comments.of(&service.desc.parent_file(), service.desc.path());
        tags.push(json!({ "name": service.stem(), "description": about }));
        paths::add(source, service, &mut paths);
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": source.title,
            "version": source.version,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": description(source),
        },
        // The reference of a node replaces the address in the examples by its own.
        "servers": [{ "url": "/", "x-pulse-example": examples::NODE }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas::all(source),
            "responses": problem::responses(source),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            },
        },
    });
    // Pretty-printed for people and for small differences between versions.
    format!("{document:#}\n")
}

fn description(source: &Source<'_>) -> String {
    let mut text =
        "Field names are snake_case, 64-bit integers are strings, instants are RFC 3339 in UTC. Unknown fields \
        are rejected. Errors are problem+json (RFC 9457) with a stable [code](/errors)."
            .to_owned();
    let any = ["OVERLOADED", "DRAINING", "DEADLINE_EXCEEDED", "STORE_UNAVAILABLE", "CLIENT_DENIED", "INTERNAL"];
    let is_known = |code: &&str| source.codes.values().flatten().any(|known| known.name == **code);
    let any: Vec<String> = any.iter().filter(|code| is_known(code)).map(|code| access::link(code)).collect();
    if !any.is_empty() {
        text += &format!(" Every operation can also fail with {}.", any.join(", "));
    }
    text
}
