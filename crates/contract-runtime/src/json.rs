//! proto3 JSON of messages: snake_case out, both spellings in, nothing unknown accepted.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::io::Write;
use std::marker::PhantomData;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pulse_kernel::{Error, Violation};
use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

use crate::errors;
use crate::timestamp::Timestamp;
use crate::validate::Validate;

/// A value that writes itself as proto3 JSON. Generated for messages.
pub trait WriteJson {
    /// Appends the JSON of the value.
    fn write_json(&self, out: &mut Vec<u8>);
}

/// A message that can be written and read as proto3 JSON.
pub trait Json: WriteJson + DeserializeOwned {
    /// The JSON of the message.
    #[must_use]
    fn to_json(&self) -> Bytes {
        let mut out = Vec::with_capacity(SIZE_GUESS);
        self.write_json(&mut out);
        out.into()
    }

    /// Reads the message; no bytes at all are the empty message `{}`.
    ///
    /// # Errors
    /// `MALFORMED_JSON` when it is not JSON, `VALIDATION_FAILED` with the path when a field is unknown or mistyped.
    fn from_json(json: &[u8]) -> Result<Self, Error> {
        from_json_at(json, "")
    }
}

impl<T: WriteJson + DeserializeOwned> Json for T {}

/// Reads a message that is the field `at` of the request, which the paths of violations begin with.
///
/// # Errors
/// As [`Json::from_json`].
pub fn from_json_at<T: DeserializeOwned>(json: &[u8], at: &str) -> Result<T, Error> {
    let json = if json.is_empty() { b"{}" } else { json };
    if holds_nul(json) {
        // No text of ours has one, and PostgreSQL cannot keep it.
        return Err(errors::MALFORMED_JSON.error("a text holds the character U+0000"));
    }
    serde_json::from_slice(json).map_err(|error| refusal::<T>(&error, json, at))
}

/// Whether a string of the JSON holds the escape of the character U+0000; as a byte JSON does not allow it.
fn holds_nul(json: &[u8]) -> bool {
    const ESCAPE: &[u8] = b"\\u0000";
    // Most requests escape nothing, and that is seen sooner.
    memchr::memchr(b'\\', json).is_some()
        && memchr::memmem::find_iter(json, ESCAPE).any(|at| {
            // An even number of backslashes before it are pairs: then the one of the escape is not escaped itself.
            let before = json.get(..at).unwrap_or_default();
            before.iter().rev().take_while(|byte| **byte == b'\\').count() & 1 == 0
        })
}

/// A number as proto3 JSON has it: as a number, or as text. Generated messages read theirs by it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number<T>(pub T);

impl<'de, T> Deserialize<'de> for Number<T>
where
    T: FromStr<Err: Display> + Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor(PhantomData)).map(Self)
    }
}

struct NumberVisitor<T>(PhantomData<T>);

impl<'de, T> Visitor<'de> for NumberVisitor<T>
where
    T: FromStr<Err: Display> + Deserialize<'de>,
{
    type Value = T;

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number, or one as text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        T::deserialize(number.into_deserializer())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        T::deserialize(number.into_deserializer())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        // A fraction is a number, only not one that is meant here.
        T::deserialize(number.into_deserializer())
            .map_err(|_fraction: E| E::custom(format!("{number} is not a whole number")))
    }
}

/// Most replies fit; a longer one grows its buffer a few times.
const SIZE_GUESS: usize = 1024;

/// Reads once more, now with track of the path: only requests that are refused pay for it.
fn refusal<T: DeserializeOwned>(error: &serde_json::Error, json: &[u8], at: &str) -> Error {
    match error.classify() {
        Category::Data => {}
        Category::Io | Category::Syntax | Category::Eof => {
            return errors::MALFORMED_JSON.error(format!("the body is not JSON: {error}"));
        }
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    let (path, message) = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Ok(_) => (String::new(), error.to_string()),
        Err(tracked) => (tracked.path().to_string(), tracked.inner().to_string()),
    };
    errors::VALIDATION_FAILED
        .error("the request has fields that cannot be read")
        .with_violations([violation(&join(at, &path), &message)])
}

/// Turns what serde says into a violation. Its messages are stable enough that our tests would notice a change.
fn violation(path: &str, message: &str) -> Violation {
    let message = message.rsplit_once(" at line ").map_or(message, |(text, _)| text);
    let named = |prefix| message.strip_prefix(prefix).and_then(|rest: &str| rest.split('`').next());
    let (field, code) = if let Some(name) = named("unknown field `") {
        (join(path, name), "json.unknown_field")
    } else if let Some(name) = named("duplicate field `") {
        (join(path, &snake(name)), "json.duplicate_field")
    } else if message.starts_with("invalid type") {
        (path.to_owned(), "json.type")
    } else {
        (path.to_owned(), "json.value")
    };
    // What pbjson says of a number that has the wrong form names a type of its own.
    let message = if message.contains("untagged enum") { "not a number that the field can hold" } else { message };
    Violation { field: field.into(), code: code.into(), message: message.to_owned().into() }
}

/// The name as the contract spells it; serde names fields that come twice in camelCase.
fn snake(name: &str) -> String {
    name.chars().fold(String::with_capacity(name.len() + 4), |mut snake, letter| {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    })
}

/// The path `below` inside `path`; serde calls the whole document `.`, and may have named the last field already.
fn join(path: &str, below: &str) -> String {
    match (path, below) {
        ("" | ".", "" | ".") => String::new(),
        ("" | ".", below) => below.to_owned(),
        (path, "" | ".") => path.to_owned(),
        (path, below) if path == below || path.ends_with(&format!(".{below}")) => path.to_owned(),
        (path, below) => format!("{path}.{below}"),
    }
}

macro_rules! write_integers {
    ($($type:ty => $quote:literal),+ $(,)?) => {
        $(impl WriteJson for $type {
            fn write_json(&self, out: &mut Vec<u8>) {
                out.extend_from_slice($quote);
                out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
                out.extend_from_slice($quote);
            }
        })+
    };
}

// proto3 JSON carries 64-bit integers as strings, because JavaScript has no such numbers.
write_integers! { i32 => b"", u32 => b"", i64 => b"\"", u64 => b"\"" }

macro_rules! write_floats {
    ($($type:ty),+) => {
        $(impl WriteJson for $type {
            fn write_json(&self, out: &mut Vec<u8>) {
                if self.is_finite() {
                    out.extend_from_slice(zmij::Buffer::new().format_finite(*self).as_bytes());
                } else if self.is_nan() {
                    out.extend_from_slice(b"\"NaN\"");
                } else if self.is_sign_positive() {
                    out.extend_from_slice(b"\"Infinity\"");
                } else {
                    out.extend_from_slice(b"\"-Infinity\"");
                }
            }
        })+
    };
}

write_floats!(f32, f64);

impl WriteJson for bool {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl WriteJson for str {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        let mut rest = self.as_bytes();
        loop {
            let (plain, special) = rest.split_at(plain_length(rest));
            out.extend_from_slice(plain);
            let Some((byte, after)) = special.split_first() else { break };
            escape(*byte, out);
            rest = after;
        }
        out.push(b'"');
    }
}

/// How many bytes from the beginning are written as they are. Looks at many at a time: texts are most of what is written,
/// and hardly any has something to escape.
fn plain_length(text: &[u8]) -> usize {
    const LANES: usize = 16;
    // No short cut inside of a chunk, so that it is a few instructions of the machine for all of it.
    let is_plain = |chunk: &&[u8]| !chunk.iter().fold(false, |any, byte| any | is_special(*byte));
    let plain = text.chunks_exact(LANES).take_while(is_plain).count() * LANES;
    let rest = text.get(plain..).unwrap_or_default();
    plain + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

/// Whether JSON does not allow the byte in a text as it is.
const fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
        }
    }
}

impl WriteJson for String {
    fn write_json(&self, out: &mut Vec<u8>) {
        self.as_str().write_json(out);
    }
}

impl WriteJson for Bytes {
    fn write_json(&self, out: &mut Vec<u8>) {
        STANDARD.encode(self).write_json(out);
    }
}

impl WriteJson for Timestamp {
    fn write_json(&self, out: &mut Vec<u8>) {
        let written = write!(out, "\"{self}\"");
        debug_assert!(written.is_ok(), "a Vec takes everything");
    }
}

impl<T: WriteJson> WriteJson for Box<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        self.as_ref().write_json(out);
    }
}

/// Writes the name of an enum's value; a number that a newer node knows stays a number.
pub fn enumeration(out: &mut Vec<u8>, number: i32, name: impl Fn(i32) -> Option<&'static str>) {
    match name(number) {
        Some(name) => {
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.push(b'"');
        }
        None => number.write_json(out),
    }
}

/// Writes a list.
pub fn list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&T, &mut Vec<u8>)) {
    let start = out.len();
    for item in items {
        out.push(b',');
        write(item, out);
    }
    close(out, start, *b"[]");
}

/// Writes a map. Keys are strings in JSON, whatever they are in the message.
pub fn map<K: MapKey, V>(out: &mut Vec<u8>, entries: &BTreeMap<K, V>, write: impl Fn(&V, &mut Vec<u8>)) {
    let start = out.len();
    for (key, value) in entries {
        out.push(b',');
        key.write_key(out);
        out.push(b':');
        write(value, out);
    }
    close(out, start, *b"{}");
}

/// Puts brackets around what was written since `start`, where every item begins with a comma: the first comma makes
/// room for the opening bracket.
pub fn close(out: &mut Vec<u8>, start: usize, [open, close]: [u8; 2]) {
    match out.get_mut(start) {
        Some(first_comma) => *first_comma = open,
        None => out.push(open),
    }
    out.push(close);
}

/// A value that can be the key of a map.
pub trait MapKey {
    /// Appends the key with its quotes.
    fn write_key(&self, out: &mut Vec<u8>);
}

impl MapKey for String {
    fn write_key(&self, out: &mut Vec<u8>) {
        self.write_json(out);
    }
}

macro_rules! write_keys {
    ($($type:ty),+) => {
        $(impl MapKey for $type {
            fn write_key(&self, out: &mut Vec<u8>) {
                let written = write!(out, "\"{self}\"");
                debug_assert!(written.is_ok(), "a Vec takes everything");
            }
        })+
    };
}

write_keys!(i32, i64, u32, u64, bool);

/// A message by its name, for tools and tests that go through the whole contract.
#[derive(Clone, Copy, Debug)]
pub struct MessageSpec {
    /// The full name.
    pub name: &'static str,
    /// From the wire to JSON.
    pub to_json: fn(&[u8]) -> Result<Bytes, Error>,
    /// From JSON to the wire.
    pub from_json: fn(&[u8]) -> Result<Bytes, Error>,
    /// Checks the rules of a message on the wire.
    pub validate: fn(&[u8]) -> Result<(), Error>,
}

impl MessageSpec {
    /// The message `T`, whose full name is `name`.
    #[must_use]
    pub const fn of<T: prost::Message + Default + Json + Validate>(name: &'static str) -> Self {
        Self {
            name,
            to_json: |wire| Ok(decode::<T>(wire)?.to_json()),
            from_json: |json| Ok(T::from_json(json)?.encode_to_vec().into()),
            validate: |wire| decode::<T>(wire)?.validate(),
        }
    }
}

fn decode<T: prost::Message + Default>(wire: &[u8]) -> Result<T, Error> {
    T::decode(wire).map_err(|error| errors::VALIDATION_FAILED.error("the message cannot be read").caused_by(error))
}
