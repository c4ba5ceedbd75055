//! Example requests: the smallest valid body of an operation, and a curl command that sends it.

use prost_reflect::{EnumDescriptor, MessageDescriptor};
use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Number, Value, json};

use super::paths::path;
use super::{Source, schemas};
use crate::binding::{Binding, Body, Method};
use crate::model::{Field, Message, Place, Shape};
use crate::options::{EnumRules, FieldRules, NumberRules, StringRules};

/// Address of a node with the default configuration. The API reference of a node replaces it by its own.
pub(super) const NODE: &str = "http://127.0.0.1:8080";
/// Maximum depth of nested messages in an example.
const DEPTH_MAX: usize = 6;
/// Number of optional fields in an example without required fields.
const OPTIONAL_FIELDS: usize = 2;

/// The example body of a binding; `None` without a body.
pub(super) fn body(source: &Source<'_>, method: &Method, binding: &Binding) -> Option<Value> {
    let input = method.desc.input();
    match &binding.body {
        Body::None => None,
        Body::Whole => {
            let in_path: Vec<&str> =
                binding.template.variables.iter().map(|variable| variable.field.as_str()).collect();
            Some(message(source, source.model.message(&input)?, &in_path, 0))
        }
        Body::Field(name) => Some(field(source, source.model.field(&input, name)?, 0)),
    }
}

/// A curl command for a binding.
pub(super) fn curl(source: &Source<'_>, method: &Method, binding: &Binding) -> String {
    let mut command = String::from("curl");
    match binding.verb.as_str() {
        "GET" if method.desc.is_server_streaming() => command += " -N",
        "GET" => {}
        verb => command += &format!(" -X {verb}"),
    }
    command += &format!(" '{NODE}{}{}'", filled_path(source, method, binding), query(source, method, binding));
    if !method.policy.callers.iter().any(|caller| caller == "ANYONE") {
        command += " \\\n  -H \"Authorization: Bearer $TOKEN\"";
    }
    if method.policy.idempotent {
        command += " \\\n  -H \"Idempotency-Key: $(uuidgen)\"";
    }
    if let Some(body) = body(source, method, binding) {
        // Inside single quotes a shell knows no escape.
        let body = body.to_string().replace('\'', "'\\''");
        command += &format!(" \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'");
    }
    command
}

/// The path with example values.
fn filled_path(source: &Source<'_>, method: &Method, binding: &Binding) -> String {
    let mut filled = path(binding);
    while let Some((before, rest)) = filled.split_once('{') {
        let Some((name, after)) = rest.split_once('}') else { break };
        let variable = binding.template.variables.iter().find(|variable| variable.field.replace('.', "_") == name);
        let field = variable.and_then(|variable| source.model.resolve(&method.desc.input(), &variable.field)?.pop());
        let value = field.map(|found| plain(&field_value(source, found, &found.rules, 0)));
        let value = value.unwrap_or_else(|| "example".to_owned());
        filled = format!("{before}{value}{after}");
    }
    filled
}

/// The required query parameters with example values.
fn query(source: &Source<'_>, method: &Method, binding: &Binding) -> String {
    let message = source.model.message(&method.desc.input());
    let (Some(message), true) = (message, binding.body != Body::Whole) else { return String::new() };
    let is_bound = |field: &&Field| {
        binding.template.variables.iter().any(|variable| variable.field == field.name())
            || binding.body == Body::Field(field.name().to_owned())
    };
    let is_parameter = |field: &&Field| !matches!(field.shape, Shape::Message(_)) && schemas::is_required(field);
    let required = message.fields.iter().filter(|field| !is_bound(field)).filter(is_parameter);
    let pairs: Vec<String> = required
        .map(|found| format!("{}={}", found.name(), plain(&field_value(source, found, &found.rules, 0))))
        .collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// A value as text of a URL, percent-encoded.
fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if is_unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

/// The required fields of a message without `left_out`; of a message without required fields the first optional ones.
fn message(source: &Source<'_>, message: &Message, left_out: &[&str], depth: usize) -> Value {
    let mut example = Map::new();
    let fields = || message.fields.iter().filter(|field| !left_out.contains(&field.name()));
    for found in fields().filter(|field| schemas::is_required(field)) {
        example.insert(found.name().to_owned(), field(source, found, depth));
    }
    for index in (0..message.oneofs.len()).filter(|index| message.oneofs.get(*index).is_some_and(|one| one.required)) {
        if let Some(found) = fields().find(|field| field.place == Place::Oneof(index)) {
            example.insert(found.name().to_owned(), field(source, found, depth));
        }
    }
    if example.is_empty() && depth < DEPTH_MAX {
        let is_simple = |field: &&Field| !matches!(field.shape, Shape::Message(_)) && field.place != Place::Repeated;
        for found in fields().filter(is_simple).take(OPTIONAL_FIELDS) {
            example.insert(found.name().to_owned(), field(source, found, depth));
        }
    }
    Value::Object(example)
}

/// A field with all its values.
fn field(source: &Source<'_>, field: &Field, depth: usize) -> Value {
    match &field.place {
        Place::Plain | Place::Optional | Place::Oneof(_) => field_value(source, field, &field.rules, depth),
        Place::Repeated => {
            let rules = field.rules.repeated.as_deref().cloned().unwrap_or_default();
            Value::Array(vec![field_value(source, field, &rules.items.unwrap_or_default(), depth)])
        }
        Place::Map(_) => {
            let rules = field.rules.map.as_deref().cloned().unwrap_or_default();
            json!({ "en": field_value(source, field, &rules.values.unwrap_or_default(), depth) })
        }
    }
}

/// One value of a field.
fn field_value(source: &Source<'_>, field: &Field, rules: &FieldRules, depth: usize) -> Value {
    let numbers = rules.numbers().next().map(|(_, rules)| rules.clone()).unwrap_or_default();
    match &field.shape {
        Shape::Message(desc) => nested(source, desc, depth + 1),
        Shape::Enum(desc) => json!(enum_name(desc, rules.enumeration.as_ref())),
        Shape::Timestamp => json!("2026-01-31T12:00:00Z"),
        Shape::Bool => json!(true),
        Shape::Bytes => json!("cHVsc2U="),
        Shape::String => json!(text(field.name(), &rules.string.clone().unwrap_or_default())),
        Shape::I64 | Shape::U64 => json!(whole(field.name(), &numbers).to_string()),
        Shape::I32 | Shape::U32 => json!(whole(field.name(), &numbers)),
        Shape::F32 | Shape::F64 => fraction(field.name(), &numbers),
    }
}

fn nested(source: &Source<'_>, desc: &MessageDescriptor, depth: usize) -> Value {
    match source.model.message(desc) {
        Some(below) if depth < DEPTH_MAX => message(source, below, &[], depth),
        Some(_) | None => json!({}),
    }
}

/// The first allowed value after the unspecified one.
fn enum_name(desc: &EnumDescriptor, rules: Option<&EnumRules>) -> String {
    let is_allowed = |number: i32| {
        rules.is_none_or(|rules| {
            rules.constant.is_none_or(|constant| constant == number)
                && (rules.among.is_empty() || rules.among.contains(&number))
                && !rules.not_in.contains(&number)
        })
    };
    let value = desc.values().find(|value| value.number() != 0 && is_allowed(value.number()));
    value.map_or_else(|| desc.default_value().name().to_owned(), |value| value.name().to_owned())
}

/// A number that fits the rules and the name of the field.
fn whole(name: &str, rules: &NumberRules) -> i64 {
    let usual = match name {
        name if name.ends_with("_minor") => 1_250,
        name if name.ends_with("_id") || name.ends_with("_ids") => 17,
        _ => 1,
    };
    let number = |number: &Option<Number>| number.as_ref().and_then(Number::as_i64);
    let exact = number(&rules.constant).or_else(|| rules.among.first().and_then(Number::as_i64));
    let least = number(&rules.gte).or_else(|| number(&rules.gt).map(|bound| bound.saturating_add(1)));
    let most = number(&rules.lte).or_else(|| number(&rules.lt).map(|bound| bound.saturating_sub(1)));
    exact.unwrap_or_else(|| usual.max(least.unwrap_or(i64::MIN)).min(most.unwrap_or(i64::MAX)))
}

fn fraction(name: &str, rules: &NumberRules) -> Value {
    match name {
        "lat" | "latitude" => json!(52.52),
        "lon" | "lng" | "longitude" => json!(13.405),
        _ => json!(whole(name, rules)),
    }
}

/// A text that fits the rules, chosen by the name of the field.
fn text(name: &str, rules: &StringRules) -> String {
    if let Some(exact) = rules.constant.clone().or_else(|| rules.among.first().cloned()) {
        return exact;
    }
    let by_name = match name {
        "email" => "anna@example.com",
        "password" => "correct horse battery staple",
        "currency" => "EUR",
        "time_zone" => "Europe/Berlin",
        "code" => "123456",
        "date" => "2026-01-31",
        "month" => "2026-01",
        name if name.contains("phone") => "+49301234567",
        name if name.ends_with("url") => "https://example.com/",
        name if name.contains("name") || name.contains("title") => "Example",
        _ => "example",
    };
    let pattern = rules.pattern.as_ref().and_then(|pattern| Regex::new(pattern).ok());
    let fits = |candidate: &&str| {
        let length = u64::try_from(candidate.chars().count()).unwrap_or(u64::MAX);
        pattern.as_ref().is_none_or(|pattern| pattern.is_match(candidate))
            && rules.len.is_none_or(|exact| exact == length)
            && rules.min_len.is_none_or(|least| least <= length)
            && rules.max_len.is_none_or(|most| length <= most)
            && !rules.not_in.iter().any(|banned| banned == candidate)
    };
    let kind = match () {
        () if rules.email => "anna@example.com",
        () if rules.uri => "https://example.com/",
        () if rules.hostname => "example.com",
        () if rules.uuid => "4fd4f2a2-6c1f-4a55-9e3c-2a8f0b7c1d11",
        () => by_name,
    };
    let candidates = [kind, by_name, "https://example.com/", "EUR", "1", "a"];
    let found = candidates.into_iter().find(fits).map(str::to_owned);
    let found = found.or_else(|| matching(&regex_syntax::parse(rules.pattern.as_deref()?).ok()?));
    let filled = || "a".repeat(usize::try_from(rules.len.or(rules.min_len).unwrap_or(1)).unwrap_or(1));
    let affixed = |text: String| {
        let (prefix, suffix) = (rules.prefix.as_deref().unwrap_or(""), rules.suffix.as_deref().unwrap_or(""));
        [prefix, &text, suffix].concat()
    };
    affixed(found.unwrap_or_else(filled))
}

/// A short text that matches a pattern; `None` for classes of bytes.
fn matching(pattern: &Hir) -> Option<String> {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(String::new()),
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
        HirKind::Class(Class::Unicode(class)) => {
            let contains = |wanted: &char| class.iter().any(|range| (range.start()..=range.end()).contains(wanted));
            let usual = ['1', 'a', 'A'].into_iter().find(contains);
            usual.or_else(|| class.iter().next().map(|range| range.start())).map(String::from)
        }
        HirKind::Class(Class::Bytes(_)) => None,
        HirKind::Repetition(repetition) => {
            let count = repetition.min.max(1).min(repetition.max.unwrap_or(u32::MAX));
            Some(matching(&repetition.sub)?.repeat(usize::try_from(count).ok()?))
        }
        HirKind::Capture(capture) => matching(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(matching).collect(),
        HirKind::Alternation(parts) => parts.first().and_then(matching),
    }
}
