//! Access tokens: claims, signing keys, signing and verification.
//!
//! A token is a JSON Web Token (RFC 7519) signed with HMAC-SHA-256. The account context issues it; the edge verifies it.
//!
//! **Invariant:** there is no choice of algorithm. The header of a token must equal, byte for byte, the header of a key of
//! the ring. `none`, other algorithms and unknown keys cannot match, so no separate check of them can be forgotten.

mod claims;
mod key;
mod ring;
mod scan;

pub use claims::{AUDIENCE, Claims, ISSUER};
pub use key::{Key, KeyError, SECRET_BYTES_MIN};
pub use ring::{CLOCK_LEEWAY, KEYS_FILE, KeyRing, TOKEN_BYTES_MAX, TokenError};
