//! Schemas of messages, with the rules of `(buf.validate)` as constraints.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{EnumDescriptor, MessageDescriptor};
use serde_json::{Map, Number, Value, json};

use super::{Source, problem};
use crate::model::{Field, Message, Place, Shape};
use crate::options::{EnumRules, FieldRules, NumberRules, StringRules};

/// Name of the component of a message or an enum.
fn name(full_name: &str) -> String {
    full_name.to_owned()
}

/// A reference to a message.
pub(super) fn reference(message: &MessageDescriptor) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", name(message.full_name())) })
}

/// The messages and enums of all routes, and the problem.
pub(super) fn all(source: &Source<'_>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::from([("Problem".to_owned(), problem::schema())]);
    for method in source.services.values().flatten().flat_map(|service| &service.methods) {
        if !method.bindings.is_empty() {
            visit(source, &method.desc.input(), &mut found);
            visit(source, &method.desc.output(), &mut found);
        }
    }
    found
}

fn visit(source: &Source<'_>, desc: &MessageDescriptor, found: &mut BTreeMap<String, Value>) {
    let key = name(desc.full_name());
    let Some(message) = source.model.message(desc).filter(|_| !found.contains_key(&key)) else { return };
    found.insert(key, self::message(source, message, &[]));
    for field in &message.fields {
        if let Shape::Message(below) = &field.shape {
            visit(source, below, found);
        } else if let Shape::Enum(desc) = &field.shape {
            found.entry(name(desc.full_name())).or_insert_with(|| enumeration(source, desc));
        }
    }
}

fn enumeration(source: &Source<'_>, desc: &EnumDescriptor) -> Value {
    let names: Vec<String> = desc.values().map(|value| value.name().to_owned()).collect();
    let about = |value: prost_reflect::EnumValueDescriptor| {
        let comment = source.comments.of(&value.parent_file(), value.path()).replace('\n', " ");
        format!("- `{}`: {comment}", value.name())
    };
    let values: Vec<String> = desc.values().map(about).collect();
    let comment = source.comments.of(&desc.parent_file(), desc.path());
    json!({ "type": "string", "enum": names, "description": format!("{comment}\n\n{}", values.join("\n")) })
}

/// The schema of a message without the fields `left_out`.
pub(super) fn message(source: &Source<'_>, message: &Message, left_out: &[&str]) -> Value {
    let fields = || message.fields.iter().filter(|field| !left_out.contains(&field.name()));
    let mut properties = Map::new();
    for field in fields() {
        let mut schema = self::field(field);
        let comment = source.comments.of(&field.desc.parent_file(), field.desc.path());
        if let (Some(schema), false) = (schema.as_object_mut(), comment.is_empty()) {
            schema.insert("description".to_owned(), json!(comment));
        }
        properties.insert(field.name().to_owned(), schema);
    }
    let required: Vec<&str> = fields().filter(|field| is_required(field)).map(Field::name).collect();
    let mut schema = json!({
        "type": "object",
        "description": source.comments.of(&message.desc.parent_file(), message.desc.path()),
        "properties": properties,
        "additionalProperties": false,
    });
    let Some(object) = schema.as_object_mut() else { return schema };
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    let choices = choices(message);
    if !choices.is_empty() {
        object.insert("allOf".to_owned(), Value::Array(choices));
    }
    schema
}

/// What the oneofs of a message demand.
fn choices(message: &Message) -> Vec<Value> {
    let mut choices = Vec::new();
    for (index, oneof) in message.oneofs.iter().enumerate() {
        let members = message.fields.iter().filter(|field| field.place == Place::Oneof(index));
        let mut given: Vec<Value> = members.map(|field| json!({ "required": [field.name()] })).collect();
        if !oneof.required {
            let some = given.clone();
            given.push(json!({ "not": { "anyOf": some } }));
        }
        choices.push(json!({ "oneOf": given }));
    }
    choices
}

/// The schema of a field with all its values.
pub(super) fn field(field: &Field) -> Value {
    let schema = match &field.place {
        Place::Plain | Place::Optional | Place::Oneof(_) => value(&field.shape, &field.rules),
        Place::Repeated => {
            let rules = field.rules.repeated.as_deref().cloned().unwrap_or_default();
            let items = value(&field.shape, &rules.items.unwrap_or_default());
            let mut schema = Map::from_iter([("type".to_owned(), json!("array")), ("items".to_owned(), items)]);
            put(&mut schema, "minItems", rules.min_items);
            put(&mut schema, "maxItems", rules.max_items);
            put(&mut schema, "uniqueItems", rules.unique.then_some(true));
            Value::Object(schema)
        }
        Place::Map(_) => {
            let rules = field.rules.map.as_deref().cloned().unwrap_or_default();
            let values = value(&field.shape, &rules.values.unwrap_or_default());
            let mut schema =
                Map::from_iter([("type".to_owned(), json!("object")), ("additionalProperties".to_owned(), values)]);
            put(&mut schema, "minProperties", rules.min_pairs);
            put(&mut schema, "maxProperties", rules.max_pairs);
            let keys = rules.keys.filter(|keys| keys.string.is_some()).map(|keys| value(&Shape::String, &keys));
            put(&mut schema, "propertyNames", keys);
            Value::Object(schema)
        }
    };
    if field.rules.ignore != "IGNORE_IF_ZERO_VALUE" || field.place != Place::Plain {
        return schema;
    }
    json!({ "anyOf": [{ "const": zero(&field.shape) }, schema] })
}

/// The default as JSON spells it.
fn zero(shape: &Shape) -> Value {
    match shape {
        Shape::I64 | Shape::U64 => json!("0"),
        Shape::String | Shape::Bytes => json!(""),
        Shape::Bool => json!(false),
        Shape::Enum(desc) => json!(desc.default_value().name()),
        Shape::I32 | Shape::U32 | Shape::F32 | Shape::F64 => json!(0),
        Shape::Timestamp | Shape::Message(_) => Value::Null,
    }
}

fn put(schema: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        schema.insert(key.to_owned(), value.into());
    }
}

/// A string schema that also refuses the empty text, because a path has no empty segments.
pub(super) fn non_empty(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut()
        && schema.get("type") == Some(&json!("string"))
        && !schema.contains_key("enum")
    {
        schema.entry("minLength").or_insert(json!(1));
    }
    schema
}

/// The schema of one value.
pub(super) fn value(shape: &Shape, rules: &FieldRules) -> Value {
    let numbers = rules.numbers().next().map(|(_, rules)| rules.clone()).unwrap_or_default();
    match shape {
        Shape::Message(desc) => reference(desc),
        Shape::Enum(desc) => enum_value(desc, rules.enumeration.as_ref()),
        Shape::Timestamp => json!({ "type": "string", "format": "date-time" }),
        Shape::Bool => match rules.boolean.as_ref().and_then(|rules| rules.constant) {
            Some(constant) => json!({ "type": "boolean", "const": constant }),
            None => json!({ "type": "boolean" }),
        },
        Shape::Bytes => {
            json!({ "type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]*={0,2}$" })
        }
        Shape::String => string(&rules.string.clone().unwrap_or_default()),
        Shape::I32 => number("integer", "int32", Some((i32::MIN.into(), i32::MAX.into())), &numbers),
        Shape::U32 => number("integer", "uint32", Some((0.into(), u32::MAX.into())), &numbers),
        Shape::F32 => number("number", "float", None, &numbers),
        Shape::F64 => number("number", "double", None, &numbers),
        Shape::I64 => json!({ "type": "string", "format": "int64", "pattern": digits(&numbers, true) }),
        Shape::U64 => json!({ "type": "string", "format": "uint64", "pattern": digits(&numbers, false) }),
    }
}

fn enum_value(desc: &EnumDescriptor, rules: Option<&EnumRules>) -> Value {
    let Some(rules) =
        rules.filter(|rules| rules.constant.is_some() || !rules.among.is_empty() || !rules.not_in.is_empty())
    else {
        return json!({ "$ref": format!("#/components/schemas/{}", name(desc.full_name())) });
    };
    let is_allowed = |number: &i32| {
        rules.constant.is_none_or(|constant| constant == *number)
            && (rules.among.is_empty() || rules.among.contains(number))
            && !rules.not_in.contains(number)
    };
    let allowed = desc.values().filter(|value| is_allowed(&value.number()));
    let names: BTreeSet<String> = allowed.map(|value| value.name().to_owned()).collect();
    json!({ "type": "string", "enum": names })
}

fn number(kind: &str, format: &str, range: Option<(Number, Number)>, rules: &NumberRules) -> Value {
    let mut schema = Map::from_iter([("type".to_owned(), json!(kind)), ("format".to_owned(), json!(format))]);
    if let Some((least, most)) = range {
        put(&mut schema, "minimum", Some(least));
        put(&mut schema, "maximum", Some(most));
    }
    put(&mut schema, "const", rules.constant.clone());
    for (key, without, bound) in [
        ("minimum", "", &rules.gte),
        ("maximum", "", &rules.lte),
        ("exclusiveMinimum", "minimum", &rules.gt),
        ("exclusiveMaximum", "maximum", &rules.lt),
    ] {
        if let Some(bound) = bound {
            schema.remove(without);
            put(&mut schema, key, Some(bound.clone()));
        }
    }
    if !rules.among.is_empty() {
        put(&mut schema, "enum", Some(rules.among.clone()));
    }
    if !rules.not_in.is_empty() {
        put(&mut schema, "not", Some(json!({ "enum": rules.not_in })));
    }
    Value::Object(schema)
}

/// The pattern of a 64-bit integer in a string: as close to its bounds as digits can say.
fn digits(rules: &NumberRules, is_signed: bool) -> String {
    let bound = |bounds: [&Option<Number>; 3]| {
        let set = bounds.into_iter().flatten();
        set.filter_map(|bound| bound.as_i64()).next()
    };
    let (least, most) =
        (bound([&rules.gte, &rules.gt, &rules.constant]), bound([&rules.lte, &rules.lt, &rules.constant]));
    let is_positive = rules.gt.as_ref().and_then(Number::as_i64).is_some_and(|bound| bound >= 0)
        || rules.gte.as_ref().and_then(Number::as_i64).is_some_and(|bound| bound >= 1);
    let body = match most {
        Some(most) if most >= 0 && most.to_string().len() < 19 => {
            let length = most.to_string().len();
            if is_positive {
                format!("[1-9][0-9]{{0,{}}}", length.saturating_sub(1))
            } else {
                format!("[0-9]{{1,{length}}}")
            }
        }
        // A little less than 64 bits: the exact bound would need a page.
        _ if is_positive => "([1-9][0-9]{0,17}|[1-8][0-9]{18}|9[01][0-9]{17})".to_owned(),
        _ => "([0-9]{1,18}|[1-8][0-9]{18}|9[01][0-9]{17})".to_owned(),
    };
    let sign = if is_signed && least.is_none_or(|least| least < 0) { "-?" } else { "" };
    format!("^{sign}{body}$")
}

fn string(rules: &StringRules) -> Value {
    let mut schema = Map::from_iter([("type".to_owned(), json!("string"))]);
    put(&mut schema, "minLength", rules.len.or(rules.min_len));
    put(&mut schema, "maxLength", rules.len.or(rules.max_len));
    put(&mut schema, "const", rules.constant.clone());
    put(&mut schema, "pattern", pattern(rules));
    if !rules.among.is_empty() {
        put(&mut schema, "enum", Some(rules.among.clone()));
    }
    if !rules.not_in.is_empty() {
        put(&mut schema, "not", Some(json!({ "enum": rules.not_in })));
    }
    let formats = [(rules.email, "email"), (rules.hostname, "hostname"), (rules.uri, "uri"), (rules.uuid, "uuid")];
    put(&mut schema, "format", formats.iter().find(|(is_set, _)| *is_set).map(|(_, format)| *format));
    Value::Object(schema)
}

fn pattern(rules: &StringRules) -> Option<String> {
    let part = rules.prefix.as_ref().map(|prefix| format!("^{}", regex::escape(prefix)));
    let part = part.or_else(|| rules.suffix.as_ref().map(|suffix| format!("{}$", regex::escape(suffix))));
    let part = part.or_else(|| rules.contains.as_ref().map(|text| regex::escape(text)));
    rules.pattern.clone().or(part)
}

/// Whether the message is refused when the field is left out, which means that it has its default value.
pub(super) fn is_required(field: &Field) -> bool {
    if field.rules.required {
        return !matches!(field.place, Place::Oneof(_));
    }
    if !field.rules.ignore.is_empty() {
        return false;
    }
    let rules = &field.rules;
    match field.place {
        Place::Optional | Place::Oneof(_) => false,
        Place::Repeated => rules.repeated.as_ref().is_some_and(|rules| rules.min_items.is_some_and(|min| min > 0)),
        Place::Map(_) => rules.map.as_ref().is_some_and(|rules| rules.min_pairs.is_some_and(|min| min > 0)),
        Place::Plain => {
            rules.numbers().any(|(_, rules)| refuses_zero(rules))
                || rules.string.as_ref().is_some_and(refuses_empty)
                || rules.bytes.as_ref().is_some_and(|rules| rules.len.or(rules.min_len).is_some_and(|len| len > 0))
                || rules.boolean.as_ref().is_some_and(|rules| rules.constant == Some(true))
                || rules.enumeration.as_ref().is_some_and(refuses_unspecified)
        }
    }
}

fn refuses_zero(rules: &NumberRules) -> bool {
    let bound = |bound: &Option<Number>| bound.as_ref().and_then(Number::as_f64);
    bound(&rules.gt).is_some_and(|bound| bound >= 0.0)
        || bound(&rules.gte).is_some_and(|bound| bound > 0.0)
        || bound(&rules.lt).is_some_and(|bound| bound <= 0.0)
        || bound(&rules.lte).is_some_and(|bound| bound < 0.0)
        || bound(&rules.constant).is_some_and(|constant| constant != 0.0)
        || (!rules.among.is_empty() && !rules.among.iter().any(|value| value.as_f64() == Some(0.0)))
        || rules.not_in.iter().any(|value| value.as_f64() == Some(0.0))
}

fn refuses_empty(rules: &StringRules) -> bool {
    let is_some_text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    [rules.len, rules.min_len, rules.min_bytes].into_iter().flatten().any(|least| least > 0)
        || [&rules.prefix, &rules.suffix, &rules.contains, &rules.constant].into_iter().any(is_some_text)
        || rules.email
        || rules.hostname
        || rules.uri
        || rules.uuid
        || (!rules.among.is_empty() && !rules.among.iter().any(String::is_empty))
        || rules.not_in.iter().any(String::is_empty)
        || rules.pattern.as_ref().and_then(|pattern| regex::Regex::new(pattern).ok()).is_some_and(|re| !re.is_match(""))
}

fn refuses_unspecified(rules: &EnumRules) -> bool {
    rules.constant.is_some_and(|constant| constant != 0)
        || (!rules.among.is_empty() && !rules.among.contains(&0))
        || rules.not_in.contains(&0)
}
