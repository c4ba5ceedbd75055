//! One signing key: made at random, or given by an operator and then refused when it is weak.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// A secret is at least as long as the hash that it keys (RFC 7518, section 3.2).
pub const SECRET_BYTES_MIN: usize = 32;

/// How many different bytes a secret has at least. Thirty-two random bytes have about thirty, their hex
/// digits about fourteen; a repeated word has fewer.
const DISTINCT_BYTES_MIN: usize = 10;
const KID_BYTES: usize = 6;
const KID_CHARS_MAX: usize = 64;

/// Secrets that are printed in manuals; they are refused wherever they appear in a secret, in any case.
const KNOWN_DEFAULTS: [&str; 11] = [
    "secret-at-least-256-bits",
    "your-256-bit-secret",
    "your-secret-key",
    "your_secret_key",
    "changeme",
    "change-me",
    "change_me",
    "password",
    "supersecret",
    "0123456789abcdef0123456789abcdef",
    "abcdefghijklmnopqrstuvwxyz",
];

/// Why a key or a file of keys is refused.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The secret is too short.
    #[error("a signing secret needs at least {SECRET_BYTES_MIN} bytes, this one has {0}")]
    TooShort(usize),
    /// The secret is long enough, but hardly random.
    #[error("the signing secret is not random: it has only {0} different bytes")]
    NotRandom(usize),
    /// The secret comes from a manual.
    #[error("the signing secret contains a published default")]
    KnownDefault,
    /// The key id is not 1 to 64 letters, digits, `-` or `_`.
    #[error("a key id is 1 to 64 letters, digits, dashes or underscores")]
    Kid,
    /// Others may read the file of keys.
    #[error("the signing keys are readable by others (mode {mode:03o}); run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The file of keys is damaged.
    #[error("line {line} of the signing keys is not `<kid> <secret in hex>`")]
    Damaged {
        /// The line, from 1.
        line: usize,
    },
    /// The file of keys cannot be read or written.
    #[error("the signing keys cannot be {action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the machine said.
        #[source]
        source: std::io::Error,
    },
}

/// A signing key with its id. `Debug` shows the id and never the secret.
#[derive(Clone)]
pub struct Key {
    kid: String,
    secret: Vec<u8>,
    /// The first part of every token of this key, with the dot.
    header: String,
    mac: Hmac<Sha256>,
}

impl Key {
    /// A key from a secret that an operator gave.
    ///
    /// # Errors
    /// When the secret is short, hardly random or a published default, and when `kid` is malformed.
    pub fn new(kid: &str, secret: &[u8]) -> Result<Self, KeyError> {
        let is_kid_char = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if kid.is_empty() || kid.len() > KID_CHARS_MAX || !kid.bytes().all(is_kid_char) {
            return Err(KeyError::Kid);
        }
        check_strength(secret)?;
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","kid":"{kid}","typ":"JWT"}}"#)) + ".";
        let mac = Hmac::new_from_slice(secret).or(Err(KeyError::TooShort(secret.len())))?;
        Ok(Self { kid: kid.to_owned(), secret: secret.to_vec(), header, mac })
    }

    /// A new random key.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn generate() -> Result<Self, KeyError> {
        let (mut kid, mut secret) = ([0_u8; KID_BYTES], [0_u8; SECRET_BYTES_MIN]);
        fill_random(&mut kid)?;
        fill_random(&mut secret)?;
        Self::new(&hex::encode(kid), &secret)
    }

    /// The id that tokens of this key carry.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// As a line of the file of keys.
    pub(crate) fn to_line(&self) -> String {
        format!("{} {}\n", self.kid, hex::encode(&self.secret))
    }

    /// The first part of every token of this key, with the dot.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// The signature of `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> impl AsRef<[u8]> + use<> {
        self.mac.clone().chain_update(message).finalize().into_bytes()
    }

    /// Whether `signature` is the one of `message`; takes the same time wherever they differ.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.mac.clone().chain_update(message).verify_slice(signature).is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn fill_random(bytes: &mut [u8]) -> Result<(), KeyError> {
    use rand::TryRngCore;
    rand::rngs::OsRng
        .try_fill_bytes(bytes)
        .map_err(|error| KeyError::Io { action: "drawn at random", source: std::io::Error::other(error) })
}

fn check_strength(secret: &[u8]) -> Result<(), KeyError> {
    if secret.len() < SECRET_BYTES_MIN {
        return Err(KeyError::TooShort(secret.len()));
    }
    let text = String::from_utf8_lossy(secret).to_ascii_lowercase();
    if KNOWN_DEFAULTS.iter().any(|known| text.contains(known)) {
        return Err(KeyError::KnownDefault);
    }
    let mut seen = [false; 256];
    for byte in secret {
        if let Some(slot) = seen.get_mut(usize::from(*byte)) {
            *slot = true;
        }
    }
    let distinct = seen.iter().filter(|slot| **slot).count();
    if distinct < DISTINCT_BYTES_MIN { Err(KeyError::NotRandom(distinct)) } else { Ok(()) }
}
