//! `FromText`: fields that are set from path variables and query parameters.

use std::collections::BTreeSet;

use prost_reflect::MessageDescriptor;

use crate::binding::{Body, Service};
use crate::model::{Field, Message, Model, Place, Shape};
use crate::names;

/// Full names of the messages that some binding reads from text.
pub(crate) fn reachable<'a>(model: &Model, services: impl Iterator<Item = &'a Service>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for method in services.flat_map(|service| &service.methods) {
        let input = method.desc.input();
        for binding in &method.bindings {
            found.insert(input.full_name().to_owned());
            let fields = model.message(&input).into_iter().flat_map(|message| &message.fields);
            let is_query =
                |field: &&Field| binding.body != Body::Whole && binding.body != Body::Field(field.name().to_owned());
            fields.filter(is_query).for_each(|field| visit(model, field, &mut found));
            for variable in &binding.template.variables {
                for field in model.resolve(&input, &variable.field).unwrap_or_default() {
                    if let Shape::Message(below) = &field.shape {
                        found.insert(below.full_name().to_owned());
                    }
                }
            }
        }
    }
    found
}

/// Adds what is below a field that is read from text.
fn visit(model: &Model, field: &Field, found: &mut BTreeSet<String>) {
    if let (Place::Optional, Shape::Message(below)) = (&field.place, &field.shape)
        && found.insert(below.full_name().to_owned())
    {
        let fields = model.message(below).into_iter().flat_map(|message| &message.fields);
        fields.for_each(|field| visit(model, field, found));
    }
}

/// Writes the impl for one message; fields of messages that are not `reachable` are left out.
pub(crate) fn emit(message: &Message, package: &str, reachable: &BTreeSet<String>) -> String {
    let arms: String = message.fields.iter().filter_map(|field| emit_arm(message, field, package, reachable)).collect();
    format!(
        "impl ::pulse_contract::text::FromText for {} {{
            fn set_text(
                &mut self,
                path: &str,
                value: &str,
            ) -> Result<::pulse_contract::text::Set, ::pulse_contract::text::Refusal> {{
                let (head, rest) = ::pulse_contract::text::split(path);
                match head {{ {arms} _ => Err(::pulse_contract::text::Refusal::Unknown) }}
            }}
        }}\n",
        names::type_path(package, package, message.desc.full_name())
    )
}

fn emit_arm(message: &Message, field: &Field, package: &str, reachable: &BTreeSet<String>) -> Option<String> {
    let (name, camel) = (field.name(), field.desc.json_name());
    let pattern = if name == camel { format!("{name:?}") } else { format!("{name:?} | {camel:?}") };
    if let Shape::Message(below) = &field.shape {
        return emit_message_arm(field, below, reachable).map(|code| format!("{pattern} => {{ {code} }}\n"));
    }
    let leaf = if let Shape::Enum(desc) = &field.shape {
        let path = names::type_path(package, desc.package_name(), desc.full_name());
        format!("::pulse_contract::text::enum_leaf(rest, value, {path}::from_str_name)?")
    } else {
        "::pulse_contract::text::leaf(rest, value)?".to_owned()
    };
    let ident = &field.ident;
    let (assign, set) = match &field.place {
        Place::Plain => (format!("self.{ident} = {leaf};"), "Single"),
        Place::Optional => (format!("self.{ident} = Some({leaf});"), "Single"),
        Place::Repeated => (format!("self.{ident}.push({leaf});"), "Repeated"),
        Place::Oneof(index) => {
            let oneof = message.oneofs.get(*index)?;
            (format!("self.{} = Some({}::{ident}({leaf}));", oneof.ident, oneof.path), "Single")
        }
        Place::Map(_) => return None,
    };
    Some(format!("{pattern} => {{ {assign} Ok(::pulse_contract::text::Set::{set}) }}\n"))
}

fn emit_message_arm(field: &Field, below: &MessageDescriptor, reachable: &BTreeSet<String>) -> Option<String> {
    if field.place != Place::Optional || !reachable.contains(below.full_name()) {
        return None;
    }
    Some(format!(
        "let Some(rest) = rest else {{ return Err(::pulse_contract::text::Refusal::Unknown) }};
        self.{}.get_or_insert_default().set_text(rest, value)",
        field.ident
    ))
}
