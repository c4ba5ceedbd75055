//! The surface of the REST API, recorded: operations with their parameters, and schemas with their fields. Descriptions are
//! not recorded, because they change without consequence for clients.
//! `INSTA_UPDATE=always cargo test -p pulse --test openapi` records a change.

#![expect(clippy::unwrap_used, reason = "a document without the expected structure fails the test")]

use std::collections::BTreeMap;

use serde_json::Value;

/// Name of a type: of a schema for a reference, of the element for a list.
fn type_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap().to_owned();
    }
    let alternatives = ["allOf", "anyOf", "oneOf"].iter().find_map(|key| schema[*key].as_array());
    if let Some(alternatives) = alternatives {
        return alternatives.iter().map(type_of).collect::<Vec<_>>().join(" | ");
    }
    let name = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "any".to_owned(),
    };
    match (name.as_str(), &schema["format"], &schema["enum"]) {
        ("array", ..) => format!("[{}]", type_of(&schema["items"])),
        ("object", ..) if schema["additionalProperties"].is_object() => {
            format!("{{string: {}}}", type_of(&schema["additionalProperties"]))
        }
        (_, Value::String(format), _) => format!("{name} {format}"),
        (_, _, Value::Array(values)) => {
            let values = values.iter().filter_map(Value::as_str);
            format!("{name} {}", values.collect::<Vec<_>>().join(" "))
        }
        _ => name,
    }
}

/// `GET /v1/shops/{shop_id} GetShop(path shop_id: string) -> Shop`.
fn operation(path: &str, method: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut inputs: Vec<String> = parameters
        .iter()
        .map(|parameter| {
            let (kind, name) = (parameter["in"].as_str().unwrap_or("ref"), parameter["name"].as_str());
            match name {
                Some(name) => format!("{kind} {name}: {}", type_of(&parameter["schema"])),
                None => type_of(parameter),
            }
        })
        .collect();
    let content = |value: &Value| {
        let content = value["content"].as_object();
        content.and_then(|content| content.values().next()).map(|media| type_of(&media["schema"]))
    };
    inputs.extend(content(&operation["requestBody"]).map(|body| format!("body: {body}")));
    let output = operation["responses"].as_object().unwrap().iter().find(|(status, _)| status.starts_with('2'));
    let output = output.and_then(|(_, response)| content(response)).unwrap_or_else(|| "nothing".to_owned());
    let name = operation["operationId"].as_str().unwrap();
    format!("{} {path} {name}({}) -> {output}", method.to_uppercase(), inputs.join(", "))
}

fn fields(name: &str, schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object() else { return format!("{name} = {}", type_of(schema)) };
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fields = properties.iter().map(|(field, schema)| {
        let mark = if required.iter().any(|name| name == field) { "" } else { "?" };
        (field, format!("  {field}{mark}: {}\n", type_of(schema)))
    });
    let fields: BTreeMap<_, _> = fields.collect();
    format!("{name} {{\n{}}}", fields.into_values().collect::<String>())
}

#[test]
fn the_api_surface_is_recorded() {
    let document: Value = serde_json::from_str(pulse_contract::OPENAPI).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut operations: Vec<String> = Vec::new();
    for (path, methods) in paths {
        let methods = methods.as_object().unwrap().iter().filter(|(_, value)| value["operationId"].is_string());
        operations.extend(methods.map(|(method, value)| operation(path, method, value)));
    }
    operations.sort();
    insta::assert_snapshot!("operations", operations.join("\n"));
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let schemas: BTreeMap<_, _> = schemas.iter().map(|(name, schema)| (name, fields(name, schema))).collect();
    insta::assert_snapshot!("schemas", schemas.into_values().collect::<Vec<_>>().join("\n"));
}
