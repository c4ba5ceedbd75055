//! Writing: straight into a buffer.

use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::EnumValue;
use crate::timestamp::Timestamp;

/// A value that writes itself as proto3 JSON. Generated for messages.
pub trait WriteJson {
    /// Appends the JSON of the value.
    fn write_json(&self, out: &mut Vec<u8>);
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
pub(super) fn plain_length(text: &[u8]) -> usize {
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
pub fn enumeration<E: EnumValue>(out: &mut Vec<u8>, number: i32) {
    match E::try_from(number) {
        Ok(value) => {
            out.push(b'"');
            out.extend_from_slice(value.name().as_bytes());
            out.push(b'"');
        }
        Err(_) => number.write_json(out),
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
pub fn map<K: WriteKey, V>(out: &mut Vec<u8>, entries: &BTreeMap<K, V>, write: impl Fn(&V, &mut Vec<u8>)) {
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

/// A value that can be the key of a map that is written.
pub trait WriteKey {
    /// Appends the key with its quotes.
    fn write_key(&self, out: &mut Vec<u8>);
}

impl WriteKey for String {
    fn write_key(&self, out: &mut Vec<u8>) {
        self.write_json(out);
    }
}

macro_rules! write_keys {
    ($($type:ty),+) => {
        $(impl WriteKey for $type {
            fn write_key(&self, out: &mut Vec<u8>) {
                let written = write!(out, "\"{self}\"");
                debug_assert!(written.is_ok(), "a Vec takes everything");
            }
        })+
    };
}

write_keys!(i32, i64, u32, u64, bool);
