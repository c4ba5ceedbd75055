//! The operations of the published contract, with an example of a good request for each.

use pulse_contract::OPENAPI;
use serde_json::{Map, Value, json};

/// One way to call one rpc, as the OpenAPI document describes it.
pub(crate) struct Operation {
    pub(crate) verb: String,
    pub(crate) template: String,
    pub(crate) callers: Vec<String>,
    /// Name, where (`path` or `query`) and schema of each parameter but headers.
    pub(crate) parameters: Vec<(String, String, Value)>,
    /// The schema of the body.
    pub(crate) body: Option<Value>,
}

/// Every operation of the document.
pub(crate) fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut operations = Vec::new();
    for (template, verbs) in document["paths"].as_object().unwrap() {
        for (verb, operation) in verbs.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parameters = parameters.filter(|parameter| parameter["in"] != "header").map(|parameter| {
                let text = |field: &str| parameter[field].as_str().unwrap().to_owned();
                (text("name"), text("in"), resolved(&document, &parameter["schema"]))
            });
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            let callers = operation["x-pulse-policy"]["callers"].as_array().unwrap();
            operations.push(Operation {
                verb: verb.to_uppercase(),
                template: template.clone(),
                callers: callers.iter().map(|caller| caller.as_str().unwrap().to_owned()).collect(),
                parameters: parameters.collect(),
                body: (!body.is_null()).then(|| resolved(&document, body)),
            });
        }
    }
    operations
}

/// The schema with every reference in it replaced by what it refers to.
fn resolved(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return resolved(document, document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    match schema {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), resolved(document, value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(|item| resolved(document, item)).collect::<Vec<_>>().into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

/// The smallest good value of a schema.
pub(crate) fn example(name: &str, schema: &Value) -> Value {
    if let Some(values) = schema["enum"].as_array() {
        return values.last().unwrap().clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let chosen = schema["allOf"][0]["oneOf"][0]["required"][0].as_str();
            let fields = required.chain(chosen);
            fields
                .map(|field| (field.to_owned(), example(field, &schema["properties"][field])))
                .collect::<Map<_, _>>()
                .into()
        }
        Some("array") => {
            let count = usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).unwrap();
            vec![example(name, &schema["items"]); count].into()
        }
        Some("integer") => json!(schema["minimum"].as_i64().unwrap_or(0).max(0)),
        Some("number") => json!(0),
        Some("boolean") => json!(false),
        _ => json!(example_text(name, schema)),
    }
}

fn example_text(name: &str, schema: &Value) -> &'static str {
    match (name, schema["format"].as_str()) {
        (_, Some("int64")) => "1",
        (_, Some("date-time")) => "2026-05-04T04:00:00Z",
        ("phone" | "contact_phone", _) => "+8613800138000",
        ("email", _) => "somebody@example.org",
        ("code", _) => "123456",
        ("month", _) => "2026-05",
        ("phone_digits", _) => "1380",
        ("business_date", _) => "2026-05-04",
        ("currency", _) => "CNY",
        ("password", _) => "correct horse battery",
        _ => "text",
    }
}

impl Operation {
    /// The path with its query; `change` may say what a parameter is instead.
    pub(crate) fn path(&self, change: impl Fn(&str) -> Option<String>) -> String {
        let (mut path, mut query) = (self.template.clone(), Vec::new());
        for (name, place, schema) in &self.parameters {
            let changed = change(name);
            if place == "query" {
                // What is not needed is left out: `phone_digits` is the only query parameter without a good default.
                let needed = (name == "phone_digits").then(|| example(name, schema).as_str().unwrap().to_owned());
                query.extend(changed.or(needed).map(|value| format!("{name}={value}")));
            } else {
                let example = example(name, schema);
                path =
                    path.replace(&format!("{{{name}}}"), &changed.unwrap_or_else(|| example.as_str().unwrap().into()));
            }
        }
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    /// A good body; empty when the operation takes none.
    pub(crate) fn good_body(&self) -> String {
        self.body.as_ref().map(|schema| example("", schema).to_string()).unwrap_or_default()
    }

    pub(crate) fn is_for(&self, caller: &str) -> bool {
        self.callers.iter().any(|known| known == caller)
    }
}
