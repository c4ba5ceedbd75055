//! The rules of `(buf.validate)`, as far as the contract uses them. Every violation is reported at once.

use std::borrow::Cow;
use std::fmt;

use pulse_kernel::{Error, Violation};

use crate::errors;

/// A message with rules. Generated.
pub trait Validate {
    /// Adds what is wrong to `found`.
    fn check(&self, at: &Path<'_>, found: &mut Found);

    /// Checks every rule.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` with every violation, at most 100 of them.
    fn validate(&self) -> Result<(), Error> {
        let mut found = Found(Vec::new());
        self.check(&Path::Root, &mut found);
        found.result()
    }
}

/// Where a value is. Lives on the stack, and is printed only for a violation.
#[derive(Clone, Copy, Debug)]
pub enum Path<'a> {
    /// The message that is checked.
    Root,
    /// A field of a message.
    Field(&'a Path<'a>, &'static str),
    /// An item of a list.
    Index(&'a Path<'a>, usize),
    /// A value of a map.
    Key(&'a Path<'a>, &'a dyn fmt::Debug),
}

impl Path<'_> {
    /// The path of a field of this message.
    #[must_use]
    pub fn field<'a>(&'a self, name: &'static str) -> Path<'a> {
        Path::Field(self, name)
    }

    /// The path of an item of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Path<'_> {
        Path::Index(self, index)
    }

    /// The path of a value of this map.
    #[must_use]
    pub fn key<'a>(&'a self, key: &'a dyn fmt::Debug) -> Path<'a> {
        Path::Key(self, key)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Path::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Key(parent, key) => write!(f, "{parent}[{key:?}]"),
        }
    }
}

/// The violations found so far.
#[derive(Debug)]
pub struct Found(Vec<Violation>);

/// More are not reported.
const VIOLATIONS_MAX: usize = 100;

impl Found {
    /// Records a violation of `code` at the path unless the rule holds.
    #[inline]
    pub fn must(&mut self, holds: bool, at: &Path<'_>, code: &'static str, message: &'static str) {
        if !holds {
            self.add(at, code, message);
        }
    }

    /// Records a violation when the text contains U+0000: no text of the contract does, and PostgreSQL cannot store it.
    #[inline]
    pub fn text(&mut self, text: &str, at: &Path<'_>) {
        if has_nul(text) {
            self.add(at, NUL_CODE, NUL_MESSAGE);
        }
    }

    fn result(self) -> Result<(), Error> {
        let detail = match self.0.len() {
            0 => return Ok(()),
            1 => Cow::Borrowed("one field does not follow its rules"),
            count => Cow::Owned(format!("{count} fields do not follow their rules")),
        };
        Err(errors::VALIDATION_FAILED.error(detail).with_violations(self.0))
    }

    #[cold]
    fn add(&mut self, at: &Path<'_>, code: &'static str, message: &'static str) {
        if self.0.len() < VIOLATIONS_MAX {
            self.0.push(Violation { field: at.to_string().into(), code: code.into(), message: message.into() });
        }
    }
}

/// A pattern that a text must match somewhere.
#[derive(Debug)]
pub struct Pattern(Option<regex::Regex>);

impl Pattern {
    /// A pattern that the generator has tried already.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self(regex::Regex::new(pattern).ok())
    }

    /// Whether the text matches. A pattern that cannot be read matches nothing, so that nothing slips through.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }
}

/// Code of the violation of a text that contains U+0000.
pub(crate) const NUL_CODE: &str = "string.nul";
/// Explanation of [`NUL_CODE`].
pub(crate) const NUL_MESSAGE: &str = "must not contain the character U+0000";

/// Whether the text contains U+0000.
#[must_use]
pub fn has_nul(text: &str) -> bool {
    text.as_bytes().contains(&0)
}

/// How many characters the text has.
#[must_use]
pub fn len(text: &str) -> usize {
    text.chars().count()
}

/// Whether no two items are equal. The contract bounds every list, so comparing each with each is fine.
#[must_use]
pub fn is_unique<T: PartialEq>(items: &[T]) -> bool {
    items.iter().enumerate().all(|(index, item)| !items.iter().take(index).any(|earlier| earlier == item))
}

/// Whether the text is an e-mail address as HTML forms accept it, which is what `(buf.validate)` means by it.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    !local.is_empty() && local.bytes().all(is_local) && domain.split('.').all(is_label)
}

/// Whether the text is a host name: labels of letters, digits and inner hyphens, at most 253 characters.
#[must_use]
pub fn is_hostname(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let last_is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= 253 && name.split('.').all(is_label) && !last_is_number
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len()) && label.bytes().all(is_inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// Whether the text is a UUID with hyphens.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    let groups = text.split('-').map(str::len);
    groups.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Whether the text is an absolute URI: a scheme, and after it only characters that a URI may have.
#[must_use]
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let mut letters = scheme.bytes();
    let is_scheme = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_uri_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let escapes = rest.split('%').skip(1);
    is_scheme && rest.bytes().all(is_uri_byte) && escapes.into_iter().all(begins_with_hex)
}

fn begins_with_hex(text: &str) -> bool {
    let mut bytes = text.bytes();
    let mut is_hex = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
    is_hex() && is_hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let check = |is_it: fn(&str) -> bool, good: &[&str], bad: &[&str]| {
            good.iter().for_each(|text| assert!(is_it(text), "{text:?}"));
            bad.iter().for_each(|text| assert!(!is_it(text), "{text:?}"));
        };
        check(is_email, &["a@b", "a.b+c@d-e.fr"], &["", "a", "@b", "a@", "a@-b", "a b@c", "a@b..c"]);
        check(is_hostname, &["a", "a.b", "a-b.c1."], &["", "a..b", "-a", "a_b", "1.2.3.4", "."]);
        check(
            is_uri,
            &["https://a.b/c?d=e#f", "urn:x:y", "mailto:a%20b"],
            &["", "a", "/a", "1a:b", "a:b c", "a:%2", "a:%zz"],
        );
        let good = "123e4567-e89b-12d3-a456-426614174000";
        check(is_uuid, &[good], &["", "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g"]);
    }

    #[test]
    fn paths_print_as_json_does() {
        let (root, key) = (Path::Root, "x");
        let items = root.field("items");
        let second = items.index(1);
        let labels = second.field("labels");
        assert_eq!(labels.key(&key).to_string(), "items[1].labels[\"x\"]");
        assert_eq!(second.to_string(), "items[1]");
    }
}
