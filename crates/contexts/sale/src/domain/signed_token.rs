//! Signed tokens of a sale: tickets, challenge tokens, queue tokens. The server stores none of them: a token contains its
//! record and a signature over its kind, the sale, the account and the record.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Length of a signature: 128 bits, too many to guess.
const SIGNATURE_BYTES: usize = 16;
/// Maximum length of a record and its signature.
const BYTES_MAX: usize = 64;

/// Kind of a token. A token of one kind is invalid as another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Permission to request an admission.
    Ticket,
    /// Challenge that was posed.
    Question,
    /// Position in the waiting room.
    QueuePosition,
}

impl TokenKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Ticket => 1,
            Self::Question => 2,
            Self::QueuePosition => 3,
        }
    }
}

/// Signing key of a sale.
#[derive(Clone)]
pub struct TokenKey {
    /// HMAC state after the key; each signature starts with a copy of it.
    mac: Hmac<Sha256>,
    sale: i64,
}

impl TokenKey {
    /// Creates the key of a sale from its secret.
    #[must_use]
    pub fn new(sale: i64, secret: &[u8]) -> Self {
        // HMAC accepts keys of any length, so this does not fail.
        let mac = Hmac::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()));
        Self { mac, sale }
    }

    /// Signs a record for an account and encodes both as text. The record is readable, but cannot be forged.
    #[must_use]
    pub fn seal(&self, kind: TokenKind, account: i64, record: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(BYTES_MAX);
        bytes.extend_from_slice(record);
        bytes.extend(self.mac_of(kind, account, record).finalize().into_bytes().into_iter().take(SIGNATURE_BYTES));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Decodes a token and returns its record of `N` bytes. `None` unless this key signed it for this kind and account.
    #[must_use]
    pub fn open<const N: usize>(&self, kind: TokenKind, account: i64, text: &str) -> Option<[u8; N]> {
        let mut buffer = [0; BYTES_MAX];
        let bytes = buffer.get_mut(..N + SIGNATURE_BYTES)?;
        // Text of another length is invalid and is not decoded.
        if text.len() != base64::encoded_len(bytes.len(), false)? {
            return None;
        }
        URL_SAFE_NO_PAD.decode_slice(text, bytes).ok()?;
        let (record, seal) = bytes.split_at_checked(N)?;
        self.mac_of(kind, account, record).verify_truncated_left(seal).ok()?;
        record.try_into().ok()
    }

    fn mac_of(&self, kind: TokenKind, account: i64, record: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(&[kind.byte()]);
        mac.update(&self.sale.to_be_bytes());
        mac.update(&account.to_be_bytes());
        mac.update(record);
        mac
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKey").field("sale", &self.sale).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_for_one_account_one_sale_and_one_kind() {
        let key = TokenKey::new(1, &[7; 32]);
        let text = key.seal(TokenKind::Ticket, 10, &[1, 2, 3]);
        assert_eq!(key.open(TokenKind::Ticket, 10, &text), Some([1, 2, 3]));
        assert_eq!(key.open::<3>(TokenKind::Ticket, 11, &text), None);
        assert_eq!(key.open::<3>(TokenKind::QueuePosition, 10, &text), None);
        assert_eq!(key.open::<4>(TokenKind::Ticket, 10, &text), None);
        assert_eq!(TokenKey::new(2, &[7; 32]).open::<3>(TokenKind::Ticket, 10, &text), None);
        assert_eq!(TokenKey::new(1, &[8; 32]).open::<3>(TokenKind::Ticket, 10, &text), None);
        assert_eq!(key.open::<49>(TokenKind::Ticket, 10, &text), None, "longer than any record");
    }

    #[test]
    fn a_changed_token_is_invalid() {
        let key = TokenKey::new(1, &[7; 32]);
        let text = key.seal(TokenKind::Ticket, 10, &[0; 14]);
        for index in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[index] = if forged[index] == b'B' { b'C' } else { b'B' };
            assert_eq!(
                key.open::<14>(TokenKind::Ticket, 10, std::str::from_utf8(&forged).unwrap()),
                None,
                "at {index}"
            );
        }
        for broken in ["", "x", text.split_at(1).1, &format!("{text}A"), &"é".repeat(20)] {
            assert_eq!(key.open::<14>(TokenKind::Ticket, 10, broken), None, "{broken:?}");
        }
    }
}
