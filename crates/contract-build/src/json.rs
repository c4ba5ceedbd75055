//! `WriteJson` and `ReadJson`: proto3 JSON straight into a buffer, and out of a text.
//!
//! Every plain field is written, the default ones too, so that a client finds what the contract names. What may be
//! absent (messages, `optional`, oneofs) is left out when it is.

use prost_reflect::EnumDescriptor;

use crate::model::{Field, Message, Place, Shape};
use crate::names;
use crate::problems::Problems;

/// As many as the reader can remember.
const FIELDS_MAX: usize = 128;

/// Writes the impls for one message.
pub(crate) fn emit(message: &Message, package: &str, problems: &mut Problems) -> String {
    if message.fields.len() > FIELDS_MAX {
        problems.add(message.desc.full_name(), format!("has more than {FIELDS_MAX} fields"));
    }
    emit_write(message, package) + &emit_read(message, package)
}

/// Writes the impl for one enum.
pub(crate) fn emit_enum(desc: &EnumDescriptor, package: &str) -> String {
    format!(
        "impl ::pulse_contract::json::EnumValue for {} {{
            fn name(self) -> &'static str {{ self.as_str_name() }}
            fn by_name(name: &str) -> Option<Self> {{ Self::from_str_name(name) }}
        }}\n",
        names::type_path(package, package, desc.full_name())
    )
}

fn emit_write(message: &Message, package: &str) -> String {
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
        return format!("::pulse_contract::json::enumeration::<{path}>(out, {number})");
    }
    format!("::pulse_contract::json::WriteJson::write_json({access}, out)")
}

fn emit_read(message: &Message, package: &str) -> String {
    let mut names = String::new();
    let mut arms = String::new();
    for (index, field) in message.fields.iter().enumerate() {
        names += &format!("[{:?}, {:?}],", field.name(), field.desc.json_name());
        arms += &format!("{index} => {{ {} }}\n", read_field(message, field, package));
    }
    let name = names::type_path(package, package, message.desc.full_name());
    format!(
        "impl ::pulse_contract::json::ReadJson for {name} {{
            fn read_json(
                json: &mut ::pulse_contract::json::Reader<'_>,
            ) -> Result<Self, ::pulse_contract::json::Fault> {{
                const FIELDS: ::pulse_contract::json::FieldNames = &[{names}];
                let mut message = Self::default();
                let mut object = json.object(FIELDS)?;
                while let Some(field) = json.field(&mut object)? {{
                    match field {{ {arms} _ => {{}} }}
                }}
                Ok(message)
            }}
        }}\n"
    )
}

/// A statement that reads a field into `message`.
fn read_field(message: &Message, field: &Field, package: &str) -> String {
    let ident = &field.ident;
    let read = match &field.shape {
        Shape::Enum(desc) => {
            let path = names::type_path(package, desc.package_name(), desc.full_name());
            format!("::pulse_contract::json::Reader::enumeration::<{path}>")
        }
        Shape::I32
        | Shape::I64
        | Shape::U32
        | Shape::U64
        | Shape::F32
        | Shape::F64
        | Shape::Bool
        | Shape::String
        | Shape::Bytes
        | Shape::Timestamp
        | Shape::Message(_) => "::pulse_contract::json::ReadJson::read_json".to_owned(),
    };
    match &field.place {
        Place::Plain => format!("message.{ident} = json.plain({read})?;"),
        Place::Optional => format!("message.{ident} = json.optional({read})?;"),
        Place::Repeated => format!("message.{ident} = json.list({read})?;"),
        Place::Map(_) => format!("message.{ident} = json.map({read})?;"),
        Place::Oneof(index) => {
            let Some(oneof) = message.oneofs.get(*index) else { return String::new() };
            let (choice, path) = (&oneof.ident, &oneof.path);
            format!(
                "if let Some(value) = json.optional({read})? {{
                    json.only_one(message.{choice}.is_some())?;
                    message.{choice} = Some({path}::{ident}(value));
                }}"
            )
        }
    }
}
