//! Pages of lists: a size with a limit, and a token that says where the last page ended.
//!
//! A token is the key of the last entry, so that entries which come or go while somebody pages are neither repeated
//! nor skipped (TR-51). It is opaque to callers and not a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pulse_kernel::Error;

use crate::errors;

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

#[cfg(test)]
mod tests {
    use super::*;

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
