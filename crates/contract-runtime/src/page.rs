//! Pages of lists: a size with a limit, and a token that says where the last page ended.
//!
//! A token is the key of the last entry, so that entries which come or go while somebody pages are neither repeated
//! nor skipped (TR-51). It is opaque to callers and not a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pulse_kernel::Error;
use sha2::{Digest, Sha256};

use crate::errors;
use crate::method::MethodSpec;

/// The size of a page when the caller does not say.
pub const SIZE_DEFAULT: i32 = 20;
/// The largest page.
pub const SIZE_MAX: i32 = 100;

/// The page that a caller asked for.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    size: usize,
    token: &'a str,
}

impl<'a> Page<'a> {
    /// A page of `size` entries, or [`SIZE_DEFAULT`] when it is 0, after the place that `token` names.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` when the size is negative or above [`SIZE_MAX`].
    pub fn new(size: i32, token: &'a str) -> Result<Self, Error> {
        let size = if size == 0 { SIZE_DEFAULT } else { size };
        match usize::try_from(size) {
            Ok(count) if size <= SIZE_MAX => Ok(Self { size: count, token }),
            _ => Err(errors::VALIDATION_FAILED.error("page_size is from 0 to 100")),
        }
    }

    /// How many entries.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// One more than the page holds: the extra entry tells whether there is a next page.
    #[must_use]
    pub fn limit_plus_one(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// The key after which the page begins; `None` for the first page.
    ///
    /// # Errors
    /// `PAGE_TOKEN_INVALID` when the token is not one that [`token`] made for a key of `N` numbers.
    pub fn after<const N: usize>(&self) -> Result<Option<[i64; N]>, Error> {
        if self.token.is_empty() {
            return Ok(None);
        }
        let key = read(self.token).ok_or_else(|| errors::PAGE_TOKEN_INVALID.error("use next_page_token as it came"))?;
        Ok(Some(key))
    }

    /// Cuts the extra entry off, and makes the token of the next page when there was one.
    pub fn cut<T>(&self, mut entries: Vec<T>, key: impl FnOnce(&T) -> String) -> (Vec<T>, String) {
        if entries.len() <= self.size {
            return (entries, String::new());
        }
        entries.truncate(self.size);
        let next = entries.last().map(key).unwrap_or_default();
        (entries, next)
    }
}

/// The token that says "after the entry with this key".
#[must_use]
pub fn token(key: &[i64]) -> String {
    let bytes: Vec<u8> = key.iter().flat_map(|number| number.to_be_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read<const N: usize>(token: &str) -> Option<[i64; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (numbers, rest) = bytes.as_chunks::<8>();
    let numbers: Vec<i64> = numbers.iter().map(|number| i64::from_be_bytes(*number)).collect();
    rest.is_empty().then_some(())?;
    numbers.try_into().ok()
}

/// What connects the tokens of a list with its call: its rpc and its filters. The size of a page may differ from page
/// to page.
///
/// Where a request enters Pulse, the binding opens its token, and seals the token of the answer. Contexts see only the
/// keys of entries. A token of another list, or of the same list with other filters, is refused: it would skip entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding(String);

/// Accessors of a list: the token and size of its request, the token of its response. Generated.
pub struct Paging<Q, A> {
    /// The token of the request.
    pub token: fn(&mut Q) -> &mut String,
    /// The size of the page.
    pub size: fn(&mut Q) -> &mut i32,
    /// The token of the next page.
    pub next: fn(&mut A) -> &mut String,
}

impl<Q: prost::Message, A> Paging<Q, A> {
    /// Replaces the token of a request by the key that the context reads, and returns the binding for the answer.
    ///
    /// # Errors
    /// `PAGE_TOKEN_INVALID` when the token belongs to another call.
    pub fn open(&self, spec: &MethodSpec, request: &mut Q) -> Result<Binding, Error> {
        let token = std::mem::take((self.token)(request));
        let size = std::mem::take((self.size)(request));
        let binding = Binding::of(spec, &request.encode_to_vec());
        *(self.token)(request) = binding.open(&token)?;
        *(self.size)(request) = size;
        Ok(binding)
    }

    /// Seals the token of an answer.
    pub fn seal(&self, binding: &Binding, answer: &mut A) {
        let next = (self.next)(answer);
        *next = binding.seal(next);
    }
}

/// Bytes of the digest in a token: enough to tell calls apart. A token is no secret and proves nothing.
const DIGEST_BYTES: usize = 9;
/// Characters of the digest in base64.
const DIGEST_CHARS: usize = 12;

impl Binding {
    fn of(spec: &MethodSpec, filters: &[u8]) -> Self {
        let mut hash = Sha256::new_with_prefix(spec.path);
        hash.update([0]);
        hash.update(filters);
        let digest = hash.finalize();
        Self(URL_SAFE_NO_PAD.encode(digest.get(..DIGEST_BYTES).unwrap_or_default()))
    }

    fn open(&self, token: &str) -> Result<String, Error> {
        if token.is_empty() {
            return Ok(String::new());
        }
        match token.split_at_checked(DIGEST_CHARS) {
            Some((digest, key)) if digest == self.0 && !key.is_empty() => Ok(key.to_owned()),
            _ => {
                let detail =
                    "use next_page_token as it came, with the path and the filters of the call that returned it";
                Err(errors::PAGE_TOKEN_INVALID.error(detail))
            }
        }
    }

    fn seal(&self, key: &str) -> String {
        if key.is_empty() { String::new() } else { format!("{}{key}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::Policy;

    /// E5: a token is good for the call that returned it, and for no other one.
    #[test]
    fn a_token_belongs_to_its_call() {
        let spec = |path: &'static str| {
            let policy =
                Policy { callers: &[], rates: &[], idempotent: false, cancels_on_disconnect: false, deadline_ms: 1 };
            MethodSpec { service: "s", name: "A", path, policy }
        };
        let binding = Binding::of(&spec("/s/A"), b"filters");
        let token = binding.seal("key");
        assert_eq!(binding.open(&token).unwrap(), "key");
        assert_eq!((binding.seal("").as_str(), binding.open("").unwrap().as_str()), ("", ""));
        let (other_list, other_filters) =
            (Binding::of(&spec("/s/B"), b"filters"), Binding::of(&spec("/s/A"), b"filter"));
        for (binding, token) in [
            (&other_list, token.as_str()),
            (&other_filters, &token),
            (&binding, "key"),
            (&binding, &binding.0),
            (&binding, "城城城城城"),
        ] {
            assert_eq!(binding.open(token).unwrap_err().code(), "PAGE_TOKEN_INVALID", "{token}");
        }
    }

    #[test]
    fn a_token_brings_its_key_back_and_nothing_else_does() {
        let next = token(&[i64::MIN, 42]);
        assert_eq!(Page::new(0, &next).unwrap().after::<2>().unwrap(), Some([i64::MIN, 42]));
        assert_eq!(Page::new(0, "").unwrap().after::<2>().unwrap(), None);
        for broken in ["x", "!!", &token(&[1]), &token(&[1, 2, 3])] {
            assert_eq!(Page::new(0, broken).unwrap().after::<2>().unwrap_err().code(), "PAGE_TOKEN_INVALID");
        }
        assert!(Page::new(-1, "").is_err() && Page::new(101, "").is_err());
    }

    #[test]
    fn the_extra_entry_is_cut_off_and_told() {
        let page = Page::new(2, "").unwrap();
        assert_eq!(page.cut(vec![1, 2], |n| n.to_string()), (vec![1, 2], String::new()));
        assert_eq!(page.cut(vec![1, 2, 3], |n| n.to_string()), (vec![1, 2], "2".to_owned()));
    }
}
