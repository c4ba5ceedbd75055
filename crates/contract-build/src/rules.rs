//! The rules of `(buf.validate)` as Rust conditions with their codes and messages.

use serde_json::Number;

use crate::model::Shape;
use crate::options::{BoolRules, BytesRules, EnumRules, FieldRules, NumberRules, StringRules};

/// One rule: what must hold, the code of the rule and a sentence for a person.
#[derive(Debug, PartialEq)]
pub(crate) struct Rule {
    /// A Rust expression over `value`, a reference to the value.
    pub(crate) holds: String,
    pub(crate) code: String,
    pub(crate) message: String,
}

fn rule(holds: String, code: &str, message: String) -> Rule {
    Rule { holds, code: code.to_owned(), message }
}

/// The rules for one value of this shape; what does not fit the shape is an error.
pub(crate) fn of_value(rules: &FieldRules, shape: &Shape, enum_path: &str) -> Result<Vec<Rule>, String> {
    let mut found = Vec::new();
    for name in rules.types() {
        if name != "repeated" && name != "map" && !fits(name, shape) {
            return Err(format!("rules for {name} do not fit the type of the field"));
        }
    }
    for (name, rules) in rules.numbers() {
        found.extend(numbers(name, rules, shape)?);
    }
    if let Some(BoolRules { constant: Some(constant) }) = rules.boolean {
        found.push(rule(format!("*value == {constant}"), "bool.const", format!("must be {constant}")));
    }
    if let Some(rules) = &rules.string {
        found.extend(strings(rules)?);
    }
    if let Some(rules) = &rules.bytes {
        found.extend(bytes(rules));
    }
    if let Some(rules) = &rules.enumeration {
        found.extend(enums(rules, enum_path));
    }
    if *shape == Shape::Timestamp {
        let message = "must be an instant between the years 1 and 9999".to_owned();
        found.push(rule("value.is_valid()".to_owned(), "timestamp.valid", message));
    }
    Ok(found)
}

fn fits(name: &str, shape: &Shape) -> bool {
    match shape {
        Shape::I32 => matches!(name, "int32" | "sint32" | "sfixed32"),
        Shape::I64 => matches!(name, "int64" | "sint64" | "sfixed64"),
        Shape::U32 => matches!(name, "uint32" | "fixed32"),
        Shape::U64 => matches!(name, "uint64" | "fixed64"),
        Shape::F32 => name == "float",
        Shape::F64 => name == "double",
        Shape::Bool => name == "bool",
        Shape::String => name == "string",
        Shape::Bytes => name == "bytes",
        Shape::Enum(_) => name == "enum",
        Shape::Timestamp | Shape::Message(_) => false,
    }
}

/// The number as a Rust literal of the field's type.
fn literal(number: &Number, shape: &Shape) -> Result<String, String> {
    let suffix = match shape {
        Shape::I32 => "i32",
        Shape::I64 => "i64",
        Shape::U32 => "u32",
        Shape::U64 => "u64",
        Shape::F32 => "f32",
        Shape::F64 => "f64",
        Shape::Bool | Shape::String | Shape::Bytes | Shape::Timestamp | Shape::Message(_) | Shape::Enum(_) => {
            return Err("rules for numbers do not fit the type of the field".to_owned());
        }
    };
    Ok(format!("({number}_{suffix})"))
}

fn numbers(name: &str, rules: &NumberRules, shape: &Shape) -> Result<Vec<Rule>, String> {
    let bounds = [
        ("const", "==", "equal to", &rules.constant),
        ("gt", ">", "greater than", &rules.gt),
        ("gte", ">=", "at least", &rules.gte),
        ("lt", "<", "less than", &rules.lt),
        ("lte", "<=", "at most", &rules.lte),
    ];
    let mut found = Vec::new();
    for (suffix, operator, words, bound) in bounds {
        if let Some(bound) = bound {
            let holds = format!("*value {operator} {}", literal(bound, shape)?);
            found.push(rule(holds, &format!("{name}.{suffix}"), format!("must be {words} {bound}")));
        }
    }
    if !rules.among.is_empty() {
        let list = literals(&rules.among, shape)?;
        let message = format!("must be one of {}", joined(&rules.among));
        found.push(rule(format!("[{list}].contains(value)"), &format!("{name}.in"), message));
    }
    if !rules.not_in.is_empty() {
        let list = literals(&rules.not_in, shape)?;
        let message = format!("must not be one of {}", joined(&rules.not_in));
        found.push(rule(format!("![{list}].contains(value)"), &format!("{name}.not_in"), message));
    }
    if rules.finite {
        found.push(rule("value.is_finite()".to_owned(), &format!("{name}.finite"), "must be finite".to_owned()));
    }
    Ok(found)
}

fn literals(numbers: &[Number], shape: &Shape) -> Result<String, String> {
    numbers.iter().map(|number| literal(number, shape)).collect::<Result<Vec<_>, _>>().map(|all| all.join(", "))
}

fn joined<T: std::fmt::Display>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn characters(count: u64) -> String {
    format!("{count} character{}", if count == 1 { "" } else { "s" })
}

fn strings(rules: &StringRules) -> Result<Vec<Rule>, String> {
    const LEN: &str = "::pulse_contract::validate::len(value)";
    let mut found = Vec::new();
    if let Some(len) = rules.len {
        found.push(rule(format!("{LEN} == {len}"), "string.len", format!("must have {}", characters(len))));
    }
    if let Some(len) = rules.min_len.filter(|len| *len > 0) {
        let holds = if len == 1 { "!value.is_empty()".to_owned() } else { format!("{LEN} >= {len}") };
        found.push(rule(holds, "string.min_len", format!("must have at least {}", characters(len))));
    }
    if let Some(len) = rules.max_len {
        // Bytes are never fewer than characters, so the short way settles most values.
        let holds = format!("value.len() <= {len} || {LEN} <= {len}");
        found.push(rule(holds, "string.max_len", format!("must have at most {}", characters(len))));
    }
    if let Some(len) = rules.min_bytes {
        found.push(rule(
            format!("value.len() >= {len}"),
            "string.min_bytes",
            format!("must have at least {len} bytes"),
        ));
    }
    if let Some(len) = rules.max_bytes {
        found.push(rule(format!("value.len() <= {len}"), "string.max_bytes", format!("must have at most {len} bytes")));
    }
    if let Some(pattern) = &rules.pattern {
        regex::Regex::new(pattern).map_err(|error| format!("{pattern:?} is not a pattern: {error}"))?;
        let holds = format!(
            "{{ static PATTERN: ::std::sync::LazyLock<::pulse_contract::validate::Pattern> = \
             ::std::sync::LazyLock::new(|| ::pulse_contract::validate::Pattern::new({pattern:?})); \
             PATTERN.matches(value) }}"
        );
        if rules.pattern_words.is_empty() {
            return Err("has a pattern without (pulse.pattern_words), so its violation would be a regular expression"
                .to_owned());
        }
        found.push(rule(holds, "string.pattern", format!("must be {}", rules.pattern_words)));
    }
    found.extend(texts(rules));
    let formats = [
        (rules.email, "email", "an e-mail address"),
        (rules.hostname, "hostname", "a host name"),
        (rules.uri, "uri", "an absolute URI"),
        (rules.uuid, "uuid", "a UUID"),
    ];
    for (_, name, words) in formats.into_iter().filter(|(is_set, ..)| *is_set) {
        let holds = format!("::pulse_contract::validate::is_{name}(value)");
        found.push(rule(holds, &format!("string.{name}"), format!("must be {words}")));
    }
    Ok(found)
}

fn texts(rules: &StringRules) -> Vec<Rule> {
    let mut found = Vec::new();
    let parts = [
        ("prefix", "starts_with", "begin with", &rules.prefix),
        ("suffix", "ends_with", "end with", &rules.suffix),
        ("contains", "contains", "contain", &rules.contains),
    ];
    for (name, function, words, part) in parts {
        if let Some(part) = part {
            found.push(rule(
                format!("value.{function}({part:?})"),
                &format!("string.{name}"),
                format!("must {words} {part}"),
            ));
        }
    }
    if let Some(constant) = &rules.constant {
        found.push(rule(format!("value == {constant:?}"), "string.const", format!("must be {constant}")));
    }
    if !rules.among.is_empty() {
        let holds = format!("{:?}.contains(&value.as_str())", rules.among);
        found.push(rule(holds, "string.in", format!("must be one of {}", joined(&rules.among))));
    }
    if !rules.not_in.is_empty() {
        let holds = format!("!{:?}.contains(&value.as_str())", rules.not_in);
        found.push(rule(holds, "string.not_in", format!("must not be one of {}", joined(&rules.not_in))));
    }
    found
}

fn bytes(rules: &BytesRules) -> Vec<Rule> {
    let bounds = [
        ("len", "==", "", rules.len),
        ("min_len", ">=", "at least ", rules.min_len),
        ("max_len", "<=", "at most ", rules.max_len),
    ];
    let set = bounds.into_iter().filter_map(|(name, operator, words, bound)| Some((name, operator, words, bound?)));
    set.map(|(name, operator, words, bound)| {
        let holds = format!("value.len() {operator} {bound}");
        rule(holds, &format!("bytes.{name}"), format!("must have {words}{bound} bytes"))
    })
    .collect()
}

fn enums(rules: &EnumRules, path: &str) -> Vec<Rule> {
    let mut found = Vec::new();
    if let Some(constant) = rules.constant {
        found.push(rule(format!("*value == {constant}"), "enum.const", format!("must be {constant}")));
    }
    if rules.defined_only {
        let message = "must be one of the defined values".to_owned();
        found.push(rule(format!("{path}::try_from(*value).is_ok()"), "enum.defined_only", message));
    }
    if !rules.among.is_empty() {
        let message = format!("must be one of {}", joined(&rules.among));
        found.push(rule(format!("{:?}.contains(value)", rules.among), "enum.in", message));
    }
    if !rules.not_in.is_empty() {
        let message = if rules.not_in == [0] {
            "must be given".to_owned()
        } else {
            format!("must not be one of {}", joined(&rules.not_in))
        };
        found.push(rule(format!("!{:?}.contains(value)", rules.not_in), "enum.not_in", message));
    }
    found
}
