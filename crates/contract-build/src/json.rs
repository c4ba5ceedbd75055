//! `WriteJson`: proto3 JSON straight into a buffer.
//!
//! Every plain field is written, the default ones too, so that a client finds what the contract names. What may be
//! absent (messages, `optional`, oneofs) is left out when it is.

use crate::model::{Field, Message, Place, Shape};
use crate::names;

/// Writes the impl for one message.
pub(crate) fn emit(message: &Message, package: &str) -> String {
    let mut fields = String::new();
    for field in message.fields.iter().filter(|field| !matches!(field.place, Place::Oneof(_))) {
        fields += &emit_field(field, package);
    }
    for (index, oneof) in message.oneofs.iter().enumerate() {
        let members = message.fields.iter().filter(|field| field.place == Place::Oneof(index));
        let arms: String = members
            .map(|field| {
                let write = write_value(&field.shape, package, "value");
                format!("Some({}::{}(value)) => {{ {} {write}; }}\n", oneof.path, field.ident, key(field))
            })
            .collect();
        fields += &format!("match &self.{} {{ {arms} None => {{}} }}\n", oneof.ident);
    }
    let name = names::type_path(package, package, message.desc.full_name());
    format!(
        "impl ::pulse_contract::json::WriteJson for {name} {{
            fn write_json(&self, out: &mut Vec<u8>) {{
                let start = out.len();
                {fields}
                ::pulse_contract::json::close(out, start, *b\"{{}}\");
            }}
        }}\n"
    )
}

fn key(field: &Field) -> String {
    format!("out.extend_from_slice({:?}.as_bytes());", format!(",\"{}\":", field.name()))
}

fn emit_field(field: &Field, package: &str) -> String {
    let (key, access) = (key(field), format!("self.{}", field.ident));
    match &field.place {
        Place::Optional => {
            let write = write_value(&field.shape, package, "value");
            format!("if let Some(value) = &{access} {{ {key} {write}; }}\n")
        }
        Place::Plain => format!("{key} {};\n", write_value(&field.shape, package, &format!("&{access}"))),
        Place::Repeated | Place::Map(_) | Place::Oneof(_) => {
            format!("{key} {};\n", write_many(field, package, &format!("&{access}")))
        }
    }
}

/// An expression that writes all values of a field that has many.
fn write_many(field: &Field, package: &str, access: &str) -> String {
    let item = write_value(&field.shape, package, "value");
    match &field.place {
        Place::Map(_) => format!("::pulse_contract::json::map(out, {access}, |value, out| {item})"),
        Place::Plain | Place::Optional | Place::Repeated | Place::Oneof(_) => {
            format!("::pulse_contract::json::list(out, {access}, |value, out| {item})")
        }
    }
}

/// An expression that writes the variable `value`, which holds the field, as a whole JSON document.
pub(crate) fn write_whole(field: &Field, package: &str) -> String {
    match field.place {
        Place::Repeated | Place::Map(_) => write_many(field, package, "&value"),
        Place::Plain | Place::Optional | Place::Oneof(_) => write_value(&field.shape, package, "&value"),
    }
}

/// An expression that writes one value behind the reference `access` into `out`.
fn write_value(shape: &Shape, package: &str, access: &str) -> String {
    if let Shape::Enum(desc) = shape {
        let path = names::type_path(package, desc.package_name(), desc.full_name());
        let number = access.strip_prefix('&').map_or_else(|| format!("*{access}"), ToOwned::to_owned);
        let name = format!("|number| {path}::try_from(number).ok().map(|value| value.as_str_name())");
        return format!("::pulse_contract::json::enumeration(out, {number}, {name})");
    }
    format!("::pulse_contract::json::WriteJson::write_json({access}, out)")
}
