//! Access tokens: the signing keys, what a token says, sign and verify.
//!
//! A token is a JSON Web Token (RFC 7519) signed with HMAC-SHA-256. The accounts mint it, the edge verifies it.
//!
//! **Invariant:** there is no choice of algorithm. A token's header must equal, byte for byte, the header that a key
//! of the ring writes; `none`, other algorithms and unknown keys are therefore not refused by a check that could be
//! forgotten, they cannot match.

mod claims;
mod key;
mod ring;
mod scan;

pub use claims::{AUDIENCE, Claims, ISSUER};
pub use key::{Key, KeyError, SECRET_BYTES_MIN};
pub use ring::{CLOCK_LEEWAY, KEYS_FILE, KeyRing, TOKEN_BYTES_MAX, TokenError};
