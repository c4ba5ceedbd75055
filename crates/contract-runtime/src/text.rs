//! Fields from text: path variables and query parameters.

use std::borrow::Cow;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use pulse_kernel::{Error, Violation};

use crate::errors;
use crate::number;
use crate::route::RestRequest;
use crate::timestamp::Timestamp;

/// A message whose fields can be set from text. Generated.
pub trait FromText {
    /// Sets the field that `path` names, for example `point.lat`, in snake_case or camelCase.
    ///
    /// # Errors
    /// Why it cannot be set.
    fn set_text(&mut self, path: &str, value: &str) -> Result<Set, Refusal>;
}

/// What was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// A field that has one value.
    Single,
    /// One more value of a repeated field.
    Repeated,
}

/// Why a field cannot be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such field, or it has no text form.
    Unknown,
    /// The text is not a value of the field; says what is expected.
    Mistyped(&'static str),
}

/// A value that has a text form.
pub trait TextValue: Sized {
    /// Reads the text.
    ///
    /// # Errors
    /// What is expected instead.
    fn from_text(text: &str) -> Result<Self, Refusal>;
}

macro_rules! text_value_by_from_str {
    ($($type:ty => $expected:literal),+ $(,)?) => {
        $(impl TextValue for $type {
            fn from_text(text: &str) -> Result<Self, Refusal> {
                Self::from_str(text).ok().ok_or(Refusal::Mistyped($expected))
            }
        })+
    };
}

macro_rules! text_value_by_number {
    ($($type:ty => $expected:literal),+ $(,)?) => {
        $(impl TextValue for $type {
            fn from_text(text: &str) -> Result<Self, Refusal> {
                let number = number::integer(text).and_then(|number| Self::try_from(number).ok());
                number.ok_or(Refusal::Mistyped($expected))
            }
        })+
    };
}

text_value_by_number! {
    i32 => "a 32-bit integer",
    i64 => "a 64-bit integer",
    u32 => "an unsigned 32-bit integer",
    u64 => "an unsigned 64-bit integer",
}

text_value_by_from_str! {
    bool => "true or false",
    Timestamp => "an RFC 3339 timestamp such as 2026-05-01T08:30:00Z",
}

impl TextValue for f64 {
    fn from_text(text: &str) -> Result<Self, Refusal> {
        match text {
            "NaN" => Ok(Self::NAN),
            "Infinity" => Ok(Self::INFINITY),
            "-Infinity" => Ok(Self::NEG_INFINITY),
            _ => finite(text, |number: &Self| number.is_finite()),
        }
    }
}

impl TextValue for f32 {
    fn from_text(text: &str) -> Result<Self, Refusal> {
        match text {
            "NaN" => Ok(Self::NAN),
            "Infinity" => Ok(Self::INFINITY),
            "-Infinity" => Ok(Self::NEG_INFINITY),
            _ => finite(text, |number: &Self| number.is_finite()),
        }
    }
}

/// A decimal number as JSON spells it: Rust also reads `inf`, `nan`, `02` and a sign `+`, which the contract does not.
fn finite<T: FromStr>(text: &str, is_finite: fn(&T) -> bool) -> Result<T, Refusal> {
    let number = if number::is_number(text) { text.parse().ok().filter(is_finite) } else { None };
    number.ok_or(Refusal::Mistyped("a number that the field can hold"))
}

impl TextValue for String {
    fn from_text(text: &str) -> Result<Self, Refusal> {
        Ok(text.to_owned())
    }
}

impl TextValue for Bytes {
    fn from_text(text: &str) -> Result<Self, Refusal> {
        let text = text.trim_end_matches('=');
        let bytes = URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text));
        bytes.ok().map(Self::from).ok_or(Refusal::Mistyped("base64"))
    }
}

/// Reads a value of an enum, by name or by number.
///
/// # Errors
/// [`Refusal::Mistyped`] for anything that the enum does not define.
pub fn enum_value<E: TryFrom<i32> + Into<i32>>(text: &str, by_name: fn(&str) -> Option<E>) -> Result<i32, Refusal> {
    let by_number = || E::try_from(i32::try_from(number::integer(text)?).ok()?).ok();
    let value = by_name(text).or_else(by_number);
    value.map(Into::into).ok_or(Refusal::Mistyped("one of the names of the enum"))
}

/// The rest of `path` below its first segment; the first segment alone has none.
#[must_use]
pub fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)))
}

/// The field is not a message, so nothing is below it.
///
/// # Errors
/// [`Refusal::Unknown`] when something is.
pub fn leaf<T: TextValue>(rest: Option<&str>, value: &str) -> Result<T, Refusal> {
    if rest.is_some() { Err(Refusal::Unknown) } else { T::from_text(value) }
}

/// As [`leaf`], for a field of an enum.
///
/// # Errors
/// As [`leaf`].
pub fn enum_leaf<E: TryFrom<i32> + Into<i32>>(
    rest: Option<&str>,
    value: &str,
    by_name: fn(&str) -> Option<E>,
) -> Result<i32, Refusal> {
    if rest.is_some() { Err(Refusal::Unknown) } else { enum_value(value, by_name) }
}

/// How deep a path may go: more than any message of the contract, and a bound for messages that contain themselves.
const DEPTH_MAX: usize = 16;

/// Sets the query parameters and then the path variables of a request; everything that is wrong is reported at once.
///
/// `bound` are the fields that the binding takes from elsewhere, so that they are no query parameters.
///
/// # Errors
/// `VALIDATION_FAILED`.
pub fn set_fields(message: &mut dyn FromText, rest: RestRequest<'_>, bound: &[&str]) -> Result<(), Error> {
    let mut violations = Vec::new();
    let mut seen: Vec<Cow<'_, str>> = Vec::new();
    for pair in rest.query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(name), Some(value)) = (decode(name), decode(value)) else {
            violations.push(violation(name, "query.encoding", "is not percent-encoded UTF-8"));
            continue;
        };
        match set_parameter(message, (&name, &value), bound, &seen) {
            Ok(Set::Single) => seen.push(name),
            Ok(Set::Repeated) => {}
            Err(problem) => violations.push(problem),
        }
        if violations.len() >= VIOLATIONS_MAX {
            break;
        }
    }
    for (name, value) in rest.path {
        match message.set_text(name, value) {
            Ok(_) => {}
            Err(Refusal::Unknown) => violations.push(violation(name, "path.unknown", "is not a field of the request")),
            Err(Refusal::Mistyped(expected)) => {
                violations.push(violation(name, "path.type", &format!("is not {expected}")));
            }
        }
    }
    if violations.is_empty() {
        return Ok(());
    }
    Err(errors::VALIDATION_FAILED.error("the request has parameters that cannot be read").with_violations(violations))
}

/// More are not reported.
const VIOLATIONS_MAX: usize = 100;

fn set_parameter(
    message: &mut dyn FromText,
    (name, value): (&str, &str),
    bound: &[&str],
    seen: &[Cow<'_, str>],
) -> Result<Set, Violation> {
    let is_bound = bound.iter().any(|bound| *bound == "*" || is_same_or_below(name, bound));
    if is_bound || name.split('.').count() > DEPTH_MAX {
        return Err(violation(name, "query.unknown", "is not a parameter of this route"));
    }
    match message.set_text(name, value) {
        Ok(Set::Single) if seen.iter().any(|earlier| plain(earlier).eq(plain(name))) => {
            Err(violation(name, "query.duplicate", "comes more than once"))
        }
        Ok(set) => Ok(set),
        Err(Refusal::Unknown) => Err(violation(name, "query.unknown", "is not a parameter of this route")),
        Err(Refusal::Mistyped(expected)) => Err(violation(name, "query.type", &format!("is not {expected}"))),
    }
}

/// The letters of a name without what differs between snake_case and camelCase.
fn plain(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase())
}

/// Whether the name is the field `bound` or one below it.
fn is_same_or_below(name: &str, bound: &str) -> bool {
    let mut letters = plain(name);
    plain(bound).all(|letter| letters.next() == Some(letter)) && matches!(letters.next(), None | Some(b'.'))
}

fn violation(name: &str, code: &'static str, message: &str) -> Violation {
    Violation { field: name.to_owned().into(), code: code.into(), message: message.to_owned().into() }
}

/// Decodes `application/x-www-form-urlencoded`; `None` when it is not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|decoded| Cow::Owned(decoded.into_owned()))
}
