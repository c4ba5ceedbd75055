//! Reading: a value at a time, straight into the message.
//!
//! What is read here is not generic over messages: generated code names the fields, and this code walks through the text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use pulse_kernel::{Error, Violation};

use super::EnumValue;
use super::write::plain_length;
use crate::errors;
use crate::number;
use crate::text::{Refusal, TextValue};
use crate::timestamp::Timestamp;
use crate::validate::{NUL_CODE, NUL_MESSAGE, has_nul};

/// A value that is read from proto3 JSON. Generated for messages.
pub trait ReadJson: Sized {
    /// Reads the value that comes next.
    ///
    /// # Errors
    /// Why it is no such value; where is what the reader knows.
    fn read_json(json: &mut Reader<'_>) -> Result<Self, Fault>;
}

/// Why a value cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The text is not JSON.
    Syntax(&'static str),
    /// The field at the path of the reader does not hold what it should.
    Field {
        /// The code of the violation.
        code: &'static str,
        /// What is wrong.
        message: Cow<'static, str>,
    },
}

/// The names of the fields of a message: as the contract spells them, and in camelCase.
pub type FieldNames = &'static [[&'static str; 2]];

/// How deep values may be nested.
const DEPTH_MAX: usize = 128;

/// JSON text, and how far it is read.
pub struct Reader<'a> {
    json: &'a str,
    at: usize,
    path: Vec<Step<'a>>,
}

/// A step of the path to the value that is read.
enum Step<'a> {
    /// Nothing of the object, list or map is read yet.
    Start,
    Field(&'static str),
    Index(usize),
    Key(Cow<'a, str>),
}

/// An object that is read as a message.
pub struct Object {
    fields: FieldNames,
    /// Where the next field is looked for first: most come in the order of the contract.
    next: usize,
    /// A bit for each field that was there.
    seen: u128,
}

/// Reads a whole document.
///
/// # Errors
/// `MALFORMED_JSON`, or `VALIDATION_FAILED` with the path of the field.
pub(super) fn document<T: ReadJson>(json: &[u8]) -> Result<T, Error> {
    let Ok(json) = std::str::from_utf8(json) else {
        return Err(errors::MALFORMED_JSON.error("the body is not JSON: it is not UTF-8"));
    };
    let mut reader = Reader { json, at: 0, path: Vec::with_capacity(8) };
    let read = T::read_json(&mut reader).and_then(|value| reader.end().map(|()| value));
    read.map_err(|fault| reader.refusal(fault))
}

impl<'a> Reader<'a> {
    /// Begins an object whose fields are those of a message.
    ///
    /// # Errors
    /// When the value is no object.
    pub fn object(&mut self, fields: FieldNames) -> Result<Object, Fault> {
        self.open(b'{', "an object")?;
        Ok(Object { fields, next: 0, seen: 0 })
    }

    /// The index of the next field, whose value is to be read now; `None` at the end of the object.
    ///
    /// # Errors
    /// When the name is unknown or comes a second time.
    pub fn field(&mut self, object: &mut Object) -> Result<Option<usize>, Fault> {
        let Some(name) = self.key()? else { return Ok(None) };
        let in_order = object.fields.iter().enumerate().skip(object.next);
        let mut all = in_order.chain(object.fields.iter().enumerate().take(object.next));
        let Some((index, names)) = all.find(|(_, names)| names.contains(&&*name)) else {
            let message = format!("unknown field `{name}`").into();
            self.set_step(Step::Key(name));
            return Err(Fault::Field { code: "json.unknown_field", message });
        };
        self.set_step(Step::Field(names[0]));
        let bit = 1_u128.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or_default();
        self.only_one(object.seen & bit != 0)?;
        object.seen |= bit;
        object.next = index.saturating_add(1);
        Ok(Some(index))
    }

    /// Refuses the field when it, or another one of its oneof, was there already.
    ///
    /// # Errors
    /// When `is_second`.
    pub fn only_one(&self, is_second: bool) -> Result<(), Fault> {
        match is_second {
            true => Err(Fault::Field { code: "json.duplicate_field", message: "comes more than once".into() }),
            false => Ok(()),
        }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// As [`ReadJson::read_json`].
    pub fn value<T: ReadJson>(&mut self) -> Result<T, Fault> {
        T::read_json(self)
    }

    /// Reads a value that may be `null`.
    ///
    /// # Errors
    /// As `read`.
    pub fn optional<T>(&mut self, read: fn(&mut Self) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        if self.null()? { Ok(None) } else { read(self).map(Some) }
    }

    /// Whether the value is `null`, which is read then.
    fn null(&mut self) -> Result<bool, Fault> {
        let is_null = self.peek() == Some(b'n');
        if is_null {
            self.literal("null")?;
        }
        Ok(is_null)
    }

    /// Reads a value; `null` is the default, as in proto3 JSON.
    ///
    /// # Errors
    /// As `read`.
    pub fn plain<T: Default>(&mut self, read: fn(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.optional(read).map(Option::unwrap_or_default)
    }

    /// Reads a list; `null` is an empty one.
    ///
    /// # Errors
    /// As `read`, and when the value is no list.
    pub fn list<T>(&mut self, read: fn(&mut Self) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
        if self.null()? {
            return Ok(Vec::new());
        }
        self.open(b'[', "an array")?;
        let mut items = Vec::new();
        while self.item()? {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// Reads a map; `null` is an empty one.
    ///
    /// # Errors
    /// As `read`, and when the value is no object or a key is not one of the map.
    pub fn map<K: MapKey, V>(&mut self, read: fn(&mut Self) -> Result<V, Fault>) -> Result<BTreeMap<K, V>, Fault> {
        if self.null()? {
            return Ok(BTreeMap::new());
        }
        self.open(b'{', "an object")?;
        let mut entries = BTreeMap::new();
        while let Some(name) = self.key()? {
            let key = K::from_key(&name);
            self.set_step(Step::Key(name));
            let key = key.ok_or_else(|| wrong("is not a key of the map"))?;
            // `1` and `1.0` are the same key of a map of numbers.
            self.only_one(entries.contains_key(&key))?;
            entries.insert(key, read(self)?);
        }
        Ok(entries)
    }

    /// Reads a value of an enum: its name, or its number in any form of a number.
    ///
    /// # Errors
    /// When the enum has no such value.
    pub fn enumeration<E: EnumValue>(&mut self) -> Result<i32, Fault> {
        let value = match self.peek() {
            Some(b'"') => {
                let text = self.text()?;
                E::by_name(&text).or_else(|| by_number(&text))
            }
            Some(b'-' | b'0'..=b'9') => by_number(self.number()?),
            _ => return Err(self.mistyped("the name of a value of the enum")),
        };
        value.map(Into::into).ok_or_else(|| wrong("is not a value of the enum"))
    }

    fn integer<T: TryFrom<i128>>(&mut self, expected: &'static str) -> Result<T, Fault> {
        let number = number::integer(&self.number_text(expected)?);
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| not(expected))
    }

    fn float<T: TextValue>(&mut self) -> Result<T, Fault> {
        T::from_text(&self.number_text("a number")?).map_err(|_refusal| not("a number that the field can hold"))
    }

    /// A number, which may also be written as a text.
    fn number_text(&mut self, expected: &'static str) -> Result<Cow<'a, str>, Fault> {
        match self.peek() {
            Some(b'"') => self.text(),
            Some(b'-' | b'0'..=b'9') => self.number().map(Cow::Borrowed),
            _ => Err(self.mistyped(expected)),
        }
    }

    /// A text that stands for a value.
    fn parsed<T: TextValue>(&mut self, expected: &'static str) -> Result<T, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.mistyped(expected));
        }
        T::from_text(&self.text()?).map_err(|refusal| match refusal {
            Refusal::Mistyped(expected) => not(expected),
            Refusal::Unknown => not(expected),
        })
    }
}

/// Where the reader is, and how it goes on.
impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.json.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The first byte of the next value or sign.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        let spaces = rest.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\t' | b'\r')).unwrap_or(rest.len());
        self.at += spaces;
        rest.get(spaces).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn set_step(&mut self, step: Step<'a>) {
        if let Some(last) = self.path.last_mut() {
            *last = step;
        }
    }

    fn open(&mut self, bracket: u8, expected: &'static str) -> Result<(), Fault> {
        if !self.take(bracket) {
            return Err(self.mistyped(expected));
        }
        if self.path.len() >= DEPTH_MAX {
            return Err(Fault::Syntax("values are nested too deeply"));
        }
        self.path.push(Step::Start);
        Ok(())
    }

    /// Goes to the next entry of an object or a list; `false` at its end.
    fn next(&mut self, close: u8) -> Result<bool, Fault> {
        if self.take(close) {
            self.path.pop();
            return Ok(false);
        }
        let is_first = matches!(self.path.last(), None | Some(Step::Start));
        if !is_first && !self.take(b',') {
            return Err(Fault::Syntax("a comma or a closing bracket is missing"));
        }
        Ok(true)
    }

    fn item(&mut self) -> Result<bool, Fault> {
        let is_there = self.next(b']')?;
        if is_there {
            let index = match self.path.last() {
                Some(Step::Index(index)) => index.saturating_add(1),
                _ => 0,
            };
            self.set_step(Step::Index(index));
        }
        Ok(is_there)
    }

    fn key(&mut self) -> Result<Option<Cow<'a, str>>, Fault> {
        if !self.next(b'}')? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(Fault::Syntax("the name of a field is missing"));
        }
        let name = self.text()?;
        if !self.take(b':') {
            return Err(Fault::Syntax("a colon is missing"));
        }
        Ok(Some(name))
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Fault::Syntax("there is more after the value")),
        }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), Fault> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(Fault::Syntax("a value is missing"));
        }
        self.at += word.len();
        Ok(())
    }

    /// The digits of the number that comes next.
    fn number(&mut self) -> Result<&'a str, Fault> {
        let rest = self.rest();
        let byte = |at: usize| rest.get(at).copied();
        let digits = |from: usize| from + rest.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let start = usize::from(byte(0) == Some(b'-'));
        let mut end = if byte(start) == Some(b'0') { start + 1 } else { digits(start) };
        let mut is_number = end > start;
        if byte(end) == Some(b'.') {
            let fraction = end + 1;
            end = digits(fraction);
            is_number &= end > fraction;
        }
        if matches!(byte(end), Some(b'e' | b'E')) {
            let exponent = end + 1 + usize::from(matches!(byte(end + 1), Some(b'+' | b'-')));
            end = digits(exponent);
            is_number &= end > exponent;
        }
        let text = self.json.get(self.at..self.at + end).filter(|_| is_number);
        self.at += end;
        text.ok_or(Fault::Syntax("a number is not complete"))
    }

    /// The text that comes next, whose quotation mark was seen.
    fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.at += 1;
        let mut text = Cow::Borrowed("");
        loop {
            let length = plain_length(self.rest());
            let plain = self.json.get(self.at..self.at + length).unwrap_or_default();
            if text.is_empty() {
                text = Cow::Borrowed(plain);
            } else {
                text.to_mut().push_str(plain);
            }
            self.at += length;
            match self.rest().first() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    let letter = self.escaped()?;
                    text.to_mut().push(letter);
                }
                Some(_) => return Err(Fault::Syntax("a text holds a control character")),
                None => return Err(Fault::Syntax("a text has no end")),
            }
        }
    }

    /// The character behind the backslash that comes next.
    fn escaped(&mut self) -> Result<char, Fault> {
        const BROKEN: Fault = Fault::Syntax("an escape in a text is not one of JSON");
        let sign = self.rest().get(1).copied();
        self.at += 2;
        Ok(match sign {
            Some(sign @ (b'"' | b'\\' | b'/')) => char::from(sign),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex().ok_or(BROKEN)?;
                let code = if (0xd800..0xdc00).contains(&first) {
                    if !self.rest().starts_with(b"\\u") {
                        return Err(BROKEN);
                    }
                    self.at += 2;
                    let second = self.hex().filter(|second| (0xdc00..0xe000).contains(second)).ok_or(BROKEN)?;
                    0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                char::from_u32(code).ok_or(BROKEN)?
            }
            _ => return Err(BROKEN),
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.json.get(self.at..self.at + 4)?;
        self.at += 4;
        // `from_str_radix` also takes a sign.
        if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None }
    }

    /// The value that comes next is another one than `expected`.
    fn mistyped(&mut self, expected: &'static str) -> Fault {
        let found = match self.peek() {
            Some(b'{') => Ok("an object"),
            Some(b'[') => Ok("an array"),
            Some(b'"') => self.text().map(|_| "a text"),
            Some(b'-' | b'0'..=b'9') => self.number().map(|_| "a number"),
            Some(b't') => self.literal("true").map(|()| "true"),
            Some(b'f') => self.literal("false").map(|()| "false"),
            Some(b'n') => self.literal("null").map(|()| "null"),
            _ => Err(Fault::Syntax("a value is missing")),
        };
        match found {
            Ok(found) => Fault::Field { code: "json.type", message: format!("is {found}, not {expected}").into() },
            Err(fault) => fault,
        }
    }
}

/// What callers are told.
impl Reader<'_> {
    fn refusal(&self, fault: Fault) -> Error {
        match fault {
            Fault::Syntax(problem) => {
                let before = self.json.as_bytes().iter().take(self.at);
                let (line, column) = before.fold((1_usize, 1_usize), |(line, column), byte| match byte {
                    b'\n' => (line.saturating_add(1), 1),
                    _ => (line, column.saturating_add(1)),
                });
                errors::MALFORMED_JSON.error(format!("the body is not JSON: {problem} (line {line}, column {column})"))
            }
            Fault::Field { code, message } => {
                let violation = Violation { field: self.path_text().into(), code: code.into(), message };
                errors::VALIDATION_FAILED
                    .error("the request has fields that cannot be read")
                    .with_violations([violation])
            }
        }
    }

    fn path_text(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            let name = match step {
                Step::Start => continue,
                Step::Index(index) => {
                    path.push_str(&format!("[{index}]"));
                    continue;
                }
                Step::Field(name) => name,
                Step::Key(name) => &**name,
            };
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(name);
        }
        path
    }
}

/// The value of an enum with this number.
fn by_number<E: EnumValue>(text: &str) -> Option<E> {
    E::try_from(i32::try_from(number::integer(text)?).ok()?).ok()
}

fn wrong(message: &'static str) -> Fault {
    Fault::Field { code: "json.value", message: message.into() }
}

fn not(expected: &'static str) -> Fault {
    Fault::Field { code: "json.value", message: format!("is not {expected}").into() }
}

macro_rules! read_integers {
    ($($type:ty => $expected:literal),+ $(,)?) => {
        $(impl ReadJson for $type {
            fn read_json(json: &mut Reader<'_>) -> Result<Self, Fault> {
                json.integer($expected)
            }
        })+
    };
}

read_integers! {
    i32 => "a 32-bit integer",
    i64 => "a 64-bit integer",
    u32 => "an unsigned 32-bit integer",
    u64 => "an unsigned 64-bit integer",
}

macro_rules! read_floats {
    ($($type:ty),+) => {
        $(impl ReadJson for $type {
            fn read_json(json: &mut Reader<'_>) -> Result<Self, Fault> {
                json.float()
            }
        })+
    };
}

read_floats!(f32, f64);

impl ReadJson for bool {
    fn read_json(json: &mut Reader<'_>) -> Result<Self, Fault> {
        match json.peek() {
            Some(b't') => json.literal("true").map(|()| true),
            Some(b'f') => json.literal("false").map(|()| false),
            _ => Err(json.mistyped("true or false")),
        }
    }
}

impl ReadJson for String {
    fn read_json(json: &mut Reader<'_>) -> Result<Self, Fault> {
        match json.peek() {
            Some(b'"') => match json.text()? {
                text if has_nul(&text) => Err(Fault::Field { code: NUL_CODE, message: NUL_MESSAGE.into() }),
                text => Ok(text.into_owned()),
            },
            _ => Err(json.mistyped("a text")),
        }
    }
}

impl ReadJson for Bytes {
    fn read_json(json: &mut Reader<'_>) -> Result<Self, Fault> {
        json.parsed("a text in base64")
    }
}

impl ReadJson for Timestamp {
    fn read_json(json: &mut Reader<'_>) -> Result<Self, Fault> {
        json.parsed("an RFC 3339 timestamp")
    }
}

impl<T: ReadJson> ReadJson for Box<T> {
    fn read_json(json: &mut Reader<'_>) -> Result<Self, Fault> {
        T::read_json(json).map(Box::new)
    }
}

/// A key of a map, which is a text in JSON whatever it is in the message.
pub trait MapKey: Ord {
    /// The key that the text stands for.
    fn from_key(text: &str) -> Option<Self>
    where
        Self: Sized;
}

macro_rules! read_keys {
    ($($type:ty),+) => {
        $(impl MapKey for $type {
            fn from_key(text: &str) -> Option<Self> {
                Self::from_text(text).ok()
            }
        })+
    };
}

read_keys!(String, i32, i64, u32, u64, bool);
