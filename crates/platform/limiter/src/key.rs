//! Keys of counters: 128-bit hashes, equal in every process.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

/// Key of a counter. Two different names collide with a probability of about 2^-128.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    high: u64,
    low: u64,
}

impl Key {
    /// The key of `name` within `domain`, for example `Key::of("rate.user", &id.to_be_bytes())`.
    ///
    /// Equal on every node and in every version, so that nodes can share counters.
    #[must_use]
    pub fn of(domain: &'static str, name: &[u8]) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(domain.as_bytes());
        // Terminates the domain, which contains no zero byte: ("ab", "c") and ("a", "bc") differ.
        hasher.write(&[0]);
        hasher.write(name);
        let hash = hasher.finish128();
        Self { high: hash.h1, low: hash.h2 }
    }

    /// A key from bytes of the caller, for example an MD5 of template, recipient and content.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
        Self { high: u64::from_be_bytes([a, b, c, d, e, f, g, h]), low: u64::from_be_bytes([i, j, k, l, m, n, o, p]) }
    }

    /// The key as bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h] = self.high.to_be_bytes();
        let [i, j, k, l, m, n, o, p] = self.low.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:016x}{:016x})", self.high, self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_stable_and_their_domains_are_apart() {
        // The literal protects nodes of different versions that share counters.
        assert_eq!(format!("{:?}", Key::of("rate.ip", b"127.0.0.1")), "Key(ffc570a9f5f7405c25e59fd73677af22)");
        assert_ne!(Key::of("ab", b"c"), Key::of("a", b"bc"));
        let bytes = *b"0123456789abcdef";
        assert_eq!(Key::from_bytes(bytes).to_bytes(), bytes);
    }
}
