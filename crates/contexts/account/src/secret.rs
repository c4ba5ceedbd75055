//! Secret that derives one-time codes and refresh tokens.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::domain::refresh::SessionId;

/// 32 random bytes, the same on all nodes. Never printed.
#[derive(Clone)]
pub struct Secret([u8; 32]);

/// Content of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshClaims {
    pub(crate) session: SessionId,
    pub(crate) generation: i64,
}

impl Secret {
    /// A secret of 32 random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The keyed hash of a one-time code and its destination.
    pub(crate) fn code_mac(&self, destination: &str, code: &str) -> String {
        hex::encode(self.mac(b"code", &[destination.as_bytes(), code.as_bytes()]))
    }

    /// Whether `expected` is the keyed hash of the code; takes the same time for all wrong codes.
    pub(crate) fn is_code(&self, expected: &str, destination: &str, code: &str) -> bool {
        self.code_mac(destination, code).as_bytes().ct_eq(expected.as_bytes()).into()
    }

    /// The refresh token of a generation of a session.
    pub(crate) fn refresh_token(&self, claims: RefreshClaims) -> String {
        let mut bytes = Vec::with_capacity(48);
        bytes.extend_from_slice(&claims.session.get().to_be_bytes());
        bytes.extend_from_slice(&claims.generation.to_be_bytes());
        let mac = self.mac(b"refresh", &[bytes.as_slice()]);
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The content of the token; `None` for a token that this secret did not make.
    pub(crate) fn read_refresh_token(&self, token: &str) -> Option<RefreshClaims> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (claims, mac) = bytes.split_at_checked(16)?;
        let is_ours: bool = self.mac(b"refresh", &[claims]).as_slice().ct_eq(mac).into();
        let (session, generation) = claims.split_at_checked(8)?;
        let claims = RefreshClaims {
            session: SessionId::new(i64::from_be_bytes(session.try_into().ok()?)),
            generation: i64::from_be_bytes(generation.try_into().ok()?),
        };
        is_ours.then_some(claims)
    }

    /// HMAC-SHA256 over the purpose and the parts. Each part has its length as prefix, so different lists differ.
    fn mac(&self, purpose: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        // The key of HMAC is one block; a shorter key is padded with zeros (RFC 2104, section 2).
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in std::iter::once(&purpose).chain(parts) {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_token_contains_its_claims_and_other_tokens_are_rejected() {
        let secret = Secret::new([7; 32]);
        let claims = RefreshClaims { session: SessionId::new(42), generation: 3 };
        let token = secret.refresh_token(claims);
        assert_eq!(secret.read_refresh_token(&token), Some(claims));
        assert_eq!(Secret::new([8; 32]).read_refresh_token(&token), None);
        for broken in ["", "x", "not base64 at all!", token.get(1..).unwrap(), &format!("{token}AA")] {
            assert_eq!(secret.read_refresh_token(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn a_code_is_valid_for_its_destination_only() {
        let secret = Secret::new([7; 32]);
        let mac = secret.code_mac("+8613800138000", "123456");
        assert!(secret.is_code(&mac, "+8613800138000", "123456"));
        assert!(!secret.is_code(&mac, "+8613800138001", "123456"));
        assert!(!secret.is_code(&mac, "+861380013800", "0123456"));
    }
}
