//! proto3 JSON: compared with an independent implementation, and what is refused.

use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use pulse_contract::Json;
use pulse_contract::json::MessageSpec;
use serde::Serialize;
use serde_json::Value;

use crate::corner::v1::All;
use crate::corner::v1::all::Choice;
use crate::random::Random;

fn contracts() -> [(DescriptorPool, &'static [MessageSpec]); 2] {
    [
        (DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).unwrap(), crate::MESSAGES),
        (DescriptorPool::decode(pulse_contract::FILE_DESCRIPTOR_SET).unwrap(), crate::real::MESSAGES),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// PL-38: every field of every message round-trips in snake_case, is read in camelCase too, and means what
    /// prost-reflect says that it means.
    #[test]
    fn every_message_round_trips(seed: u64) {
        for (pool, messages) in contracts() {
            for (index, spec) in messages.iter().enumerate() {
                let desc = pool.get_message_by_name(spec.name).unwrap();
                let mut random = Random(seed.wrapping_add(u64::try_from(index).unwrap()));
                let message = random.message(&desc, 0);
                let wire = message.encode_to_vec();
                let message = DynamicMessage::decode(desc.clone(), wire.as_slice()).unwrap();
                let json = (spec.to_json)(&wire).unwrap();
                let mut theirs = serde_json::Deserializer::from_slice(&json);
                let theirs = DynamicMessage::deserialize(desc.clone(), &mut theirs).unwrap();
                // Over the wire, where a plain field with its default is the same as none.
                let theirs = DynamicMessage::decode(desc.clone(), theirs.encode_to_vec().as_slice()).unwrap();
                // The messages are not printed: some of their types contain themselves.
                let text = String::from_utf8_lossy(&json);
                prop_assert!(theirs == message, "{}: {text}", spec.name);

                let camel = message.serialize(serde_json::value::Serializer).unwrap().to_string();
                for text in [&json[..], camel.as_bytes()] {
                    let back = DynamicMessage::decode(desc.clone(), (spec.from_json)(text).unwrap()).unwrap();
                    prop_assert!(back == message, "{}: {}", spec.name, String::from_utf8_lossy(text));
                }
            }
        }
    }

    /// What an independent reader takes for JSON is JSON here, and nothing else is.
    #[test]
    fn json_is_what_json_is_elsewhere(
        value in r#"(-?[0-9]{0,2}(\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?)|("([a-z城]|\\\\[nrtbf"/u\\\\]|[0-9dD8cC]{4}|\\\\u[dD][89abcdef][0-9]{2}){0,6}"?)|[\[\]{}:,tfn" ]{0,6}|true|false|nul?l?"#,
        field in r"a_double|a_string|a_bool|many_string|at|nothing",
    ) {
        let json = format!("{{ \"{field}\":\t{value}\n}}");
        let code = All::from_json(json.as_bytes()).err().map(|error| error.code());
        match serde_json::from_str::<Value>(&json) {
            Ok(_) => prop_assert!(code != Some("MALFORMED_JSON") || json.contains("\\u0000"), "{json}"),
            Err(_) => prop_assert!(code.is_some(), "{json}"),
        }
    }

    /// A text means what it means to an independent reader, escapes and all.
    #[test]
    fn texts_are_read_as_elsewhere(text: String, letters in "[\u{1}-\u{10ffff}]{0,8}") {
        for text in [text, letters] {
            let plain = serde_json::to_string(&text).unwrap();
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<String>();
            for json in [format!("{{\"a_string\":{plain}}}"), format!("{{\"a_string\":\"{units}\"}}")] {
                match All::from_json(json.as_bytes()) {
                    Ok(all) => prop_assert_eq!(&all.a_string, &text),
                    Err(error) => prop_assert!(text.contains('\0'), "{}: {}", json, error),
                }
            }
        }
    }

    /// E3: every form of a whole number is that number.
    #[test]
    fn a_whole_number_has_many_forms(number: i64, zeros in 1_usize..5) {
        let (padding, digits) = ("0".repeat(zeros), number.unsigned_abs().to_string());
        let sign = if number < 0 { "-" } else { "" };
        let (first, rest) = digits.split_at(1);
        let fraction = if rest.is_empty() { "0" } else { rest };
        for form in [
            format!("{number}.{padding}"),
            format!("{number}e0"),
            format!("{number}{padding}E-{zeros}"),
            format!("{sign}{first}.{fraction}e+{}", rest.len()),
        ] {
            // A zero before other digits is no number of JSON, so `0` itself has no padding.
            let is_json = serde_json::from_str::<Value>(&form).is_ok();
            for text in [form.clone(), format!("\"{form}\"")] {
                let read = All::from_json(format!("{{\"an_int64\":{text}}}").as_bytes());
                match read {
                    Ok(all) => prop_assert!(is_json && all.an_int64 == number, "{text}"),
                    Err(error) => prop_assert!(!is_json, "{text}: {error}"),
                }
            }
        }
    }

    #[test]
    fn broken_json_never_panics(json in proptest::collection::vec(any::<u8>(), 0..64), cut in 0_usize..64) {
        for json in [&json[..], &json[..cut.min(json.len())]] {
            if let Err(error) = All::from_json(json) {
                prop_assert!(matches!(error.code(), "MALFORMED_JSON" | "VALIDATION_FAILED"), "{error}");
            }
        }
    }
}

/// PL-38: no field is left out of the round trip because its message is not in the list.
#[test]
fn the_list_of_messages_is_complete_and_every_field_is_snake_case() {
    for (pool, messages) in contracts() {
        let ours = |name: &str| {
            name.starts_with("pulse.") && !name.starts_with("pulse.Policy") && name != "pulse.ErrorMeaning"
        };
        for desc in pool.all_messages().filter(|desc| ours(desc.full_name()) && !desc.is_map_entry()) {
            assert!(messages.iter().any(|spec| spec.name == desc.full_name()), "{}", desc.full_name());
            for field in desc.fields() {
                assert_eq!(field.name(), field.name().to_ascii_lowercase(), "{}", field.full_name());
            }
        }
    }
}

#[test]
fn plain_fields_are_always_there_and_absent_ones_never() {
    let json: Value = serde_json::from_slice(&All::default().to_json()).unwrap();
    for (field, value) in [
        ("an_int32", "0"),
        ("an_int64", "\"0\""),
        ("a_bool", "false"),
        ("a_string", "\"\""),
        ("color", "\"COLOR_UNSPECIFIED\""),
        ("many_string", "[]"),
        ("by_string", "{}"),
    ] {
        assert_eq!(json[field].to_string(), value, "{field}");
    }
    for field in ["at", "inner", "maybe_int64", "choice_int64", "all"] {
        assert!(json.get(field).is_none(), "{field}");
    }
}

#[test]
fn unusual_values_survive() {
    let all = All { a_double: f64::INFINITY, a_float: f32::NEG_INFINITY, color: 77, ..All::default() };
    let json = String::from_utf8(all.to_json().to_vec()).unwrap();
    assert!(json.contains("\"a_double\":\"Infinity\"") && json.contains("\"a_float\":\"-Infinity\""), "{json}");
    assert!(json.contains("\"color\":77"), "{json}");
    assert!(All::from_json(b"{\"a_double\":\"NaN\"}").unwrap().a_double.is_nan());
}

#[test]
fn what_is_not_understood_is_refused_with_its_path() {
    for (json, field, code) in [
        ("{\"nothing\":1}", "nothing", "json.unknown_field"),
        ("{\"inner\":{\"depth\":{\"nothing\":1}}}", "inner.depth.nothing", "json.unknown_field"),
        ("{\"many_inner\":[{},{\"text\":5}]}", "many_inner[1].text", "json.type"),
        ("{\"by_int64\":{\"5\":{\"text\":[]}}}", "by_int64.5.text", "json.type"),
        ("{\"an_int32\":\"x\"}", "an_int32", "json.value"),
        ("{\"an_int32\":2147483648}", "an_int32", "json.value"),
        ("{\"an_int64\":\"9223372036854775808\"}", "an_int64", "json.value"),
        ("{\"a_uint32\":-1}", "a_uint32", "json.value"),
        ("{\"an_int32\":1.5}", "an_int32", "json.value"),
        ("{\"a_bool\":\"true\"}", "a_bool", "json.type"),
        ("{\"color\":\"COLOR_BLUE\"}", "color", "json.value"),
        ("{\"at\":\"yesterday\"}", "at", "json.value"),
        ("{\"a_bytes\":\"!\"}", "a_bytes", "json.value"),
        ("{\"a_string\":\"a\",\"aString\":\"b\"}", "a_string", "json.duplicate_field"),
        ("{\"choice_int64\":1,\"choice_string\":\"b\"}", "choice_string", "json.duplicate_field"),
        ("[]", "", "json.type"),
        ("7", "", "json.type"),
    ] {
        let error = All::from_json(json.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "VALIDATION_FAILED", "{json}");
        let violation = &error.violations()[0];
        assert_eq!((&*violation.field, &*violation.code), (field, code), "{json}: {violation:?}");
        let message = &violation.message;
        assert!(!message.contains(" at line ") && !message.contains("untagged"), "{violation:?}");
    }
}

/// E3: the forms of numbers, enums and `null` that proto3 JSON names, and no other one.
#[test]
fn values_have_the_forms_of_proto3_json() {
    let read = |field: &str, value: &str| All::from_json(format!("{{\"{field}\":{value}}}").as_bytes());
    for (value, expected) in [
        ("2.0", 2),
        ("\"2.0\"", 2),
        ("1e1", 10),
        ("\"1E1\"", 10),
        ("1.5e1", 15),
        ("-0", 0),
        ("\"-0\"", 0),
        ("-0.0", 0),
        ("10e-1", 1),
        ("null", 0),
    ] {
        for field in ["an_int32", "a_uint32", "an_int64", "a_uint64"] {
            let all = read(field, value).unwrap();
            let number = match field {
                "an_int32" => i64::from(all.an_int32),
                "a_uint32" => i64::from(all.a_uint32),
                "an_int64" => all.an_int64,
                _ => i64::try_from(all.a_uint64).unwrap(),
            };
            assert_eq!(number, expected, "{field} {value}");
        }
    }
    for value in ["\"+2\"", "\"02\"", "\"\"", "\" 2\"", "\"2 \"", "1.5", "1e-1", "\"0x1\"", "true", "[]", "1e99"] {
        for field in ["an_int32", "a_uint32", "an_int64", "a_uint64"] {
            assert_eq!(read(field, value).unwrap_err().code(), "VALIDATION_FAILED", "{field} {value}");
        }
    }
    for value in ["\"+2\"", "\"02.5\"", "\"inf\"", "\"nan\"", "\".5\"", "\"1.\"", "1e999", "\"1e999\"", "\"\""] {
        assert_eq!(read("a_double", value).unwrap_err().code(), "VALIDATION_FAILED", "{value}");
    }
    for (value, expected) in [("\"COLOR_RED\"", 1), ("1", 1), ("\"1\"", 1), ("1.0", 1), ("null", 0), ("0", 0)] {
        assert_eq!(read("color", value).unwrap().color, expected, "{value}");
    }
    for value in ["\"+1\"", "\"01\"", "1.5", "\"red\"", "true"] {
        assert_eq!(read("color", value).unwrap_err().code(), "VALIDATION_FAILED", "{value}");
    }
    for field in ["many_int64", "many_inner", "by_string", "by_int64", "a_string", "a_bytes", "a_bool", "at", "inner"] {
        assert_eq!(read(field, "null").unwrap(), All::default(), "{field}");
    }
    for (field, value) in [("many_int64", "[null]"), ("many_inner", "[null]"), ("by_string", "{\"a\":null}")] {
        assert_eq!(read(field, value).unwrap_err().code(), "VALIDATION_FAILED", "{field}");
    }
    for json in ["{\"choice_int64\":null,\"choice_string\":\"b\"}", "{\"choice_string\":\"b\",\"choice_int64\":null}"] {
        let all = All::from_json(json.as_bytes()).unwrap();
        assert!(matches!(&all.choice, Some(Choice::ChoiceString(text)) if text == "b"), "{json}");
    }
    let twice = All::from_json(b"{\"by_int64\":{\"1\":{},\"1.0\":{}}}").unwrap_err();
    assert_eq!(twice.violations()[0].code, "json.duplicate_field");
}

#[test]
fn what_is_not_json_is_malformed() {
    let deep = "{\"all\":".repeat(1_000);
    for json in ["{", "{\"a_string\":}", "nul", "{}{}", "{\"a_string\":\"\u{1}\"}", "'", &deep] {
        assert_eq!(All::from_json(json.as_bytes()).unwrap_err().code(), "MALFORMED_JSON", "{json:.20}");
    }
    assert_eq!(All::from_json(b"{\"a_string\":\"\xff\"}").unwrap_err().code(), "MALFORMED_JSON");
    for json in [r#"{"a_string":"\u0000"}"#, r#"{"a_string":"\\\u0000"}"#] {
        let error = All::from_json(json.as_bytes()).unwrap_err();
        assert_eq!((&*error.violations()[0].field, &*error.violations()[0].code), ("a_string", "string.nul"), "{json}");
    }
    assert_eq!(All::from_json(br#"{"a_string":"\\u0000"}"#).unwrap().a_string, r"\u0000");
    assert_eq!(All::from_json(b"").unwrap(), All::default());
    let error = All::from_json(b"{\n  \"a_string\": \"x\",\n  \"a_bool\" true\n}").unwrap_err();
    assert_eq!(error.detail(), "the body is not JSON: a colon is missing (line 3, column 12)");
}
