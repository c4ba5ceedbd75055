//! A signing key: generated, or configured by an operator and then checked for strength.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// Minimum length of a secret: that of the hash (RFC 7518, section 3.2).
pub const SECRET_BYTES_MIN: usize = 32;

/// Minimum number of distinct bytes of a secret. 32 random bytes have about 30, their hex digits about 14; a repeated
/// word has fewer.
const DISTINCT_BYTES_MIN: usize = 10;
const KID_BYTES: usize = 6;
const KID_CHARS_MAX: usize = 64;

/// Published example secrets. A secret that contains one of them, in any letter case, is rejected.
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

/// A key or a key file is rejected.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The secret is too short.
    #[error("a signing secret must have at least {SECRET_BYTES_MIN} bytes, got {0}")]
    TooShort(usize),
    /// The secret has too few distinct bytes.
    #[error("a signing secret must have at least {DISTINCT_BYTES_MIN} distinct bytes, got {0}")]
    NotRandom(usize),
    /// The secret contains a published example.
    #[error("the signing secret contains a published default")]
    KnownDefault,
    /// The key id is not 1 to 64 letters, digits, `-` or `_`.
    #[error("a key id must have 1 to 64 letters, digits, dashes or underscores")]
    Kid,
    /// Other users may read the key file.
    #[error("the key file {path} must have mode 600, got {mode:03o}; run: chmod 600 {path}")]
    Exposed {
        /// Path of the file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file has an invalid line.
    #[error("line {line} of the key file must be `<kid> <secret in hex>`")]
    Damaged {
        /// Number of the line, from 1.
        line: usize,
    },
    /// The key file cannot be read or written, or randomness is not available.
    #[error("the signing keys cannot be {action}")]
    Io {
        /// The failed action.
        action: &'static str,
        /// Error of the operating system.
        #[source]
        source: std::io::Error,
    },
}

/// A signing key with its id. `Debug` shows the id and never the secret.
#[derive(Clone)]
pub struct Key {
    kid: String,
    secret: Vec<u8>,
    /// First part of every token of this key, with the dot.
    header: String,
    mac: Hmac<Sha256>,
}

impl Key {
    /// A key from a configured secret.
    ///
    /// # Errors
    /// When the secret is too short, has too few distinct bytes or contains a published default, and when `kid` is not
    /// valid.
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
    /// When the operating system provides no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let (mut kid, mut secret) = ([0_u8; KID_BYTES], [0_u8; SECRET_BYTES_MIN]);
        fill_random(&mut kid)?;
        fill_random(&mut secret)?;
        Self::new(&hex::encode(kid), &secret)
    }

    /// Id of the key, in the header of its tokens.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The line of the key file.
    pub(crate) fn to_line(&self) -> String {
        format!("{} {}\n", self.kid, hex::encode(&self.secret))
    }

    /// First part of every token of this key, with the dot.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// The signature of `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> impl AsRef<[u8]> + use<> {
        self.mac.clone().chain_update(message).finalize().into_bytes()
    }

    /// Whether `signature` is the signature of `message`; compares in constant time.
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
        .map_err(|error| KeyError::Io { action: "generated", source: std::io::Error::other(error) })
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
