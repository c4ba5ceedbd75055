//! The options of the contract as typed values. An option that is not listed here is refused by its name.

use prost_reflect::{DynamicMessage, ReflectMessage, SerializeOptions, Value};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Number;

/// Reads the extension `name` of some options; `None` when it is not set.
pub(crate) fn read<T: DeserializeOwned>(options: &DynamicMessage, name: &str) -> Result<Option<T>, String> {
    let pool = options.descriptor().parent_pool().clone();
    let Some(extension) = pool.get_extension_by_name(name) else { return Ok(None) };
    if !options.has_extension(&extension) {
        return Ok(None);
    }
    let value = options.get_extension(&extension);
    let Value::Message(message) = value.as_ref() else { return Err(format!("({name}) is not a message")) };
    let spelling = SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true);
    let json = message
        .serialize_with_options(serde_json::value::Serializer, &spelling)
        .map_err(|error| format!("({name}) cannot be read: {error}"))?;
    serde_json::from_value(json).map(Some).map_err(|error| format!("({name}) is not supported here: {error}"))
}

/// Reads the extension `name` of some options, which is a text; `None` when it is not set.
pub(crate) fn read_text(options: &DynamicMessage, name: &str) -> Option<String> {
    let extension = options.descriptor().parent_pool().get_extension_by_name(name)?;
    if !options.has_extension(&extension) {
        return None;
    }
    options.get_extension(&extension).as_str().map(ToOwned::to_owned)
}

/// `google.api.http`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HttpRule {
    pub(crate) get: Option<String>,
    pub(crate) put: Option<String>,
    pub(crate) post: Option<String>,
    pub(crate) delete: Option<String>,
    pub(crate) patch: Option<String>,
    pub(crate) custom: Option<CustomVerb>,
    pub(crate) body: String,
    pub(crate) response_body: String,
    pub(crate) additional_bindings: Vec<Self>,
}

/// A verb that `google.api.http` has no field for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CustomVerb {
    pub(crate) kind: String,
    pub(crate) path: String,
}

/// `pulse.policy`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PolicyOption {
    pub(crate) callers: Vec<String>,
    pub(crate) shop_field: String,
    pub(crate) any_shop: bool,
    pub(crate) rates: Vec<RateOption>,
    pub(crate) idempotent: bool,
    pub(crate) deadline_ms: u32,
    pub(crate) cancel_on_disconnect: bool,
}

/// One rate of a policy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RateOption {
    pub(crate) per: String,
    pub(crate) count: u32,
    pub(crate) window_ms: u32,
}

/// `pulse.error`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Meaning {
    pub(crate) kind: String,
    pub(crate) retry: String,
    pub(crate) title: String,
    pub(crate) title_zh: String,
    pub(crate) http: u16,
}

/// `buf.validate.field`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FieldRules {
    pub(crate) required: bool,
    pub(crate) ignore: String,
    pub(crate) float: Option<NumberRules>,
    pub(crate) double: Option<NumberRules>,
    pub(crate) int32: Option<NumberRules>,
    pub(crate) int64: Option<NumberRules>,
    pub(crate) uint32: Option<NumberRules>,
    pub(crate) uint64: Option<NumberRules>,
    pub(crate) sint32: Option<NumberRules>,
    pub(crate) sint64: Option<NumberRules>,
    pub(crate) fixed32: Option<NumberRules>,
    pub(crate) fixed64: Option<NumberRules>,
    pub(crate) sfixed32: Option<NumberRules>,
    pub(crate) sfixed64: Option<NumberRules>,
    #[serde(rename = "bool")]
    pub(crate) boolean: Option<BoolRules>,
    pub(crate) string: Option<StringRules>,
    pub(crate) bytes: Option<BytesRules>,
    #[serde(rename = "enum")]
    pub(crate) enumeration: Option<EnumRules>,
    pub(crate) repeated: Option<Box<RepeatedRules>>,
    pub(crate) map: Option<Box<MapRules>>,
}

impl FieldRules {
    /// Sets `pulse.pattern_words` of the field, which explain its pattern or that of its items.
    pub(crate) fn set_pattern_words(&mut self, words: &str) {
        let items = self.repeated.as_mut().and_then(|rules| rules.items.as_mut());
        let of_items = items.and_then(|rules| rules.string.as_mut());
        for rules in self.string.iter_mut().chain(of_items) {
            words.clone_into(&mut rules.pattern_words);
        }
    }

    /// The rules for numbers that are set, with the name of their type.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&'static str, &NumberRules)> {
        let all = [
            ("float", &self.float),
            ("double", &self.double),
            ("int32", &self.int32),
            ("int64", &self.int64),
            ("uint32", &self.uint32),
            ("uint64", &self.uint64),
            ("sint32", &self.sint32),
            ("sint64", &self.sint64),
            ("fixed32", &self.fixed32),
            ("fixed64", &self.fixed64),
            ("sfixed32", &self.sfixed32),
            ("sfixed64", &self.sfixed64),
        ];
        all.into_iter().filter_map(|(name, rules)| rules.as_ref().map(|rules| (name, rules)))
    }

    /// Names of all types that have rules here; at most one makes sense.
    pub(crate) fn types(&self) -> Vec<&'static str> {
        let mut types: Vec<_> = self.numbers().map(|(name, _)| name).collect();
        let others = [
            ("bool", self.boolean.is_some()),
            ("string", self.string.is_some()),
            ("bytes", self.bytes.is_some()),
            ("enum", self.enumeration.is_some()),
            ("repeated", self.repeated.is_some()),
            ("map", self.map.is_some()),
        ];
        types.extend(others.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)));
        types
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NumberRules {
    #[serde(rename = "const")]
    pub(crate) constant: Option<Number>,
    pub(crate) gt: Option<Number>,
    pub(crate) gte: Option<Number>,
    pub(crate) lt: Option<Number>,
    pub(crate) lte: Option<Number>,
    #[serde(rename = "in")]
    pub(crate) among: Vec<Number>,
    pub(crate) not_in: Vec<Number>,
    pub(crate) finite: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BoolRules {
    #[serde(rename = "const")]
    pub(crate) constant: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StringRules {
    /// `pulse.pattern_words`: what the pattern accepts, in words.
    #[serde(skip)]
    pub(crate) pattern_words: String,
    #[serde(rename = "const")]
    pub(crate) constant: Option<String>,
    pub(crate) len: Option<u64>,
    pub(crate) min_len: Option<u64>,
    pub(crate) max_len: Option<u64>,
    pub(crate) min_bytes: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) pattern: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) suffix: Option<String>,
    pub(crate) contains: Option<String>,
    #[serde(rename = "in")]
    pub(crate) among: Vec<String>,
    pub(crate) not_in: Vec<String>,
    pub(crate) email: bool,
    pub(crate) hostname: bool,
    pub(crate) uri: bool,
    pub(crate) uuid: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BytesRules {
    pub(crate) len: Option<u64>,
    pub(crate) min_len: Option<u64>,
    pub(crate) max_len: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EnumRules {
    #[serde(rename = "const")]
    pub(crate) constant: Option<i32>,
    pub(crate) defined_only: bool,
    #[serde(rename = "in")]
    pub(crate) among: Vec<i32>,
    pub(crate) not_in: Vec<i32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RepeatedRules {
    pub(crate) min_items: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) unique: bool,
    pub(crate) items: Option<FieldRules>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MapRules {
    pub(crate) min_pairs: Option<u64>,
    pub(crate) max_pairs: Option<u64>,
    pub(crate) keys: Option<FieldRules>,
    pub(crate) values: Option<FieldRules>,
}

/// `buf.validate.oneof`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OneofRules {
    pub(crate) required: bool,
}

/// `buf.validate.message`: nothing of it is supported, so whatever is set is named in the error.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MessageRules {}
