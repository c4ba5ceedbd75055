//! `Validate`: the rules of a message, its fields and what is below them.

use std::collections::BTreeSet;

use crate::model::{Field, Message, Model, Place, Shape};
use crate::names;
use crate::options::FieldRules;
use crate::problems::Problems;
use crate::rules::{self, Rule};

/// Full names of the messages that have something to check, here or below.
pub(crate) fn with_rules(model: &Model) -> BTreeSet<String> {
    let messages: Vec<&Message> = model.packages.values().flat_map(|package| &package.messages).collect();
    let mut found: BTreeSet<String> = messages
        .iter()
        .filter(|message| has_own_rules(message))
        .map(|message| message.desc.full_name().to_owned())
        .collect();
    // Messages may contain each other in circles, so this goes on until nothing is added.
    loop {
        let more: Vec<String> = messages
            .iter()
            .filter(|message| !found.contains(message.desc.full_name()))
            .filter(|message| message.fields.iter().any(|field| is_below(field, &found)))
            .map(|message| message.desc.full_name().to_owned())
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

fn has_own_rules(message: &Message) -> bool {
    let has_rules =
        |field: &Field| field.rules.required || !field.rules.types().is_empty() || field.shape == Shape::Timestamp;
    message.oneofs.iter().any(|oneof| oneof.required)
        || message.fields.iter().any(|field| has_rules(field) || has_text(field))
}

/// Whether the field contains texts, which must not have U+0000 in them.
fn has_text(field: &Field) -> bool {
    field.shape == Shape::String || field.place == Place::Map(Shape::String)
}

fn is_below(field: &Field, found: &BTreeSet<String>) -> bool {
    matches!(&field.shape, Shape::Message(below) if found.contains(below.full_name()))
}

/// Writes the impl for one message.
pub(crate) fn emit(message: &Message, package: &str, with_rules: &BTreeSet<String>, problems: &mut Problems) -> String {
    let mut checks = String::new();
    for field in &message.fields {
        let is_ignored = field.rules.ignore == "IGNORE_ALWAYS";
        if is_ignored && field.shape != Shape::String {
            continue;
        }
        let unruled = is_ignored.then(|| Field { rules: FieldRules::default(), ..field.clone() });
        match emit_field(message, unruled.as_ref().unwrap_or(field), package, with_rules) {
            Ok(code) => checks += &code,
            Err(problem) => problems.add(field.desc.full_name(), problem),
        }
    }
    for oneof in message.oneofs.iter().filter(|oneof| oneof.required) {
        checks += &format!(
            "found.must(self.{}.is_some(), &at.field({:?}), \"required\", \"one of them must be given\");\n",
            oneof.ident, oneof.name
        );
    }
    let name = names::type_path(package, package, message.desc.full_name());
    format!(
        "impl ::pulse_contract::Validate for {name} {{
            fn check(&self, at: &::pulse_contract::validate::Path<'_>, found: &mut ::pulse_contract::validate::Found) {{
                {checks}
            }}
        }}\n"
    )
}

/// The statements that check one field; empty when it has no rules.
fn emit_field(
    message: &Message,
    field: &Field,
    package: &str,
    with_rules: &BTreeSet<String>,
) -> Result<String, String> {
    let rules = &field.rules;
    check_fit(field)?;
    let ident = &field.ident;
    let body = match &field.place {
        Place::Repeated => emit_list(field, package, with_rules)?,
        Place::Map(key) => emit_map(field, key, package, with_rules)?,
        Place::Plain | Place::Optional | Place::Oneof(_) => emit_value(rules, &field.shape, package, with_rules)?,
    };
    let is_zero_ignored = rules.ignore == "IGNORE_IF_ZERO_VALUE";
    let code = match &field.place {
        Place::Optional => {
            let missing = if rules.required { required("false") } else { String::new() };
            match (body.is_empty(), missing.is_empty()) {
                (true, true) => return Ok(String::new()),
                (true, false) => format!("if self.{ident}.is_none() {{ {missing} }}"),
                (false, _) => format!("match &self.{ident} {{ Some(value) => {{ {body} }} None => {{ {missing} }} }}"),
            }
        }
        Place::Oneof(index) => {
            let oneof = message.oneofs.get(*index).ok_or("is in no oneof")?;
            if body.is_empty() {
                return Ok(String::new());
            }
            format!("if let Some({}::{ident}(value)) = &self.{} {{ {body} }}", oneof.path, oneof.ident)
        }
        Place::Plain | Place::Repeated | Place::Map(_) => {
            let is_zero = zero(field);
            let required = if rules.required { required(&format!("!({is_zero})")) } else { String::new() };
            let body = if is_zero_ignored && !body.is_empty() { format!("if !({is_zero}) {{ {body} }}") } else { body };
            if body.is_empty() && required.is_empty() {
                return Ok(String::new());
            }
            format!("let value = &self.{ident}; {required} {body}")
        }
    };
    Ok(format!("{{ let at = &at.field({:?}); {code} }}\n", field.name()))
}

fn check_fit(field: &Field) -> Result<(), String> {
    let rules = &field.rules;
    if !matches!(rules.ignore.as_str(), "" | "IGNORE_UNSPECIFIED" | "IGNORE_IF_ZERO_VALUE" | "IGNORE_ALWAYS") {
        return Err(format!("ignore = {} is not supported", rules.ignore));
    }
    if rules.required && matches!(field.place, Place::Oneof(_)) {
        return Err("required does not fit a member of a oneof: put it on the oneof".to_owned());
    }
    let types = rules.types();
    let expected = match field.place {
        Place::Repeated => Some("repeated"),
        Place::Map(_) => Some("map"),
        Place::Plain | Place::Optional | Place::Oneof(_) => None,
    };
    match expected {
        Some(expected) if types.iter().any(|name| *name != expected) => {
            Err(format!("only {expected} rules fit the field"))
        }
        None if types.iter().any(|name| matches!(*name, "repeated" | "map")) => {
            Err("the field is neither repeated nor a map".to_owned())
        }
        _ => Ok(()),
    }
}

fn required(holds: &str) -> String {
    format!("found.must({holds}, at, \"required\", \"must be given\");")
}

/// A condition over `value` that says whether it is the default.
fn zero(field: &Field) -> &'static str {
    match (&field.place, &field.shape) {
        (Place::Repeated | Place::Map(_), _) | (_, Shape::String | Shape::Bytes) => "value.is_empty()",
        (_, Shape::Bool) => "!*value",
        (_, Shape::F32 | Shape::F64) => "*value == 0.0",
        _ => "*value == 0",
    }
}

/// The statements that check one value behind the reference `value` at the path `at`.
fn emit_value(
    rules: &FieldRules,
    shape: &Shape,
    package: &str,
    with_rules: &BTreeSet<String>,
) -> Result<String, String> {
    let enum_path = if let Shape::Enum(desc) = shape {
        names::type_path(package, desc.package_name(), desc.full_name())
    } else {
        String::new()
    };
    let rules = rules::of_value(rules, shape, &enum_path)?;
    let mut code = String::from(if *shape == Shape::String { "found.text(value, at);\n" } else { "" });
    code.extend(rules.iter().map(emit_rule));
    if let Shape::Message(below) = shape
        && with_rules.contains(below.full_name())
    {
        code += "value.check(at, found);";
    }
    Ok(code)
}

fn emit_rule(rule: &Rule) -> String {
    format!("found.must({}, at, {:?}, {:?});\n", rule.holds, rule.code, rule.message)
}

fn emit_list(field: &Field, package: &str, with_rules: &BTreeSet<String>) -> Result<String, String> {
    let rules = field.rules.repeated.as_deref().cloned().unwrap_or_default();
    let mut code = String::new();
    for (name, operator, words, bound) in
        [("min_items", ">=", "at least", rules.min_items), ("max_items", "<=", "at most", rules.max_items)]
    {
        if let Some(bound) = bound.filter(|bound| *bound > 0 || operator == "<=") {
            code += &emit_rule(&Rule {
                holds: format!("value.len() {operator} {bound}"),
                code: format!("repeated.{name}"),
                message: format!("must have {words} {bound} item{}", if bound == 1 { "" } else { "s" }),
            });
        }
    }
    if rules.unique {
        if matches!(field.shape, Shape::Message(_) | Shape::Timestamp) || rules.max_items.is_none() {
            return Err("unique is for lists of simple values that have max_items".to_owned());
        }
        code += "found.must(::pulse_contract::validate::is_unique(value), at, \"repeated.unique\", \"must not have equal items\");\n";
    }
    let item = emit_value(&nested(rules.items)?, &field.shape, package, with_rules)?;
    if !item.is_empty() {
        code += &format!("for (index, value) in value.iter().enumerate() {{ let at = &at.index(index); {item} }}");
    }
    Ok(code)
}

fn emit_map(field: &Field, key: &Shape, package: &str, with_rules: &BTreeSet<String>) -> Result<String, String> {
    let rules = field.rules.map.as_deref().cloned().unwrap_or_default();
    let mut code = String::new();
    for (name, operator, words, bound) in
        [("min_pairs", ">=", "at least", rules.min_pairs), ("max_pairs", "<=", "at most", rules.max_pairs)]
    {
        if let Some(bound) = bound.filter(|bound| *bound > 0 || operator == "<=") {
            code += &emit_rule(&Rule {
                holds: format!("value.len() {operator} {bound}"),
                code: format!("map.{name}"),
                message: format!("must have {words} {bound} entr{}", if bound == 1 { "y" } else { "ies" }),
            });
        }
    }
    let keys = emit_value(&nested(rules.keys)?, key, package, with_rules)?;
    let values = emit_value(&nested(rules.values)?, &field.shape, package, with_rules)?;
    if !keys.is_empty() || !values.is_empty() {
        let keys = if keys.is_empty() { String::new() } else { format!("{{ let value = key; {keys} }}") };
        code += &format!("for (key, value) in value {{ let at = &at.key(key); {keys} {values} }}");
    }
    Ok(code)
}

/// The rules for the items of a list or a map, where presence means nothing.
fn nested(rules: Option<FieldRules>) -> Result<FieldRules, String> {
    let rules = rules.unwrap_or_default();
    if rules.required || !rules.ignore.is_empty() {
        return Err("required and ignore are not supported for items, keys and values".to_owned());
    }
    Ok(rules)
}
