//! What a sale gives out and later believes: tickets, questions, places. Nothing is kept of them; each is its own record,
//! signed over what it is, the sale and the account it was given to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// 128 bits: what nobody guesses.
const SEAL_BYTES: usize = 16;
/// The longest record with its seal.
const BYTES_MAX: usize = 64;

/// What is sealed. A record of one kind is nothing as another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// The right to ask to be admitted.
    Ticket,
    /// A question that was asked.
    Question,
    /// A place in the waiting room.
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

/// The key of a sale.
#[derive(Clone)]
pub struct TokenKey {
    /// The key, prepared: each seal begins with a copy of it.
    mac: Hmac<Sha256>,
    sale: i64,
}

impl TokenKey {
    /// The key of `sale`.
    #[must_use]
    pub fn new(sale: i64, secret: &[u8]) -> Self {
        // Any length is a key.
        let mac = Hmac::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()));
        Self { mac, sale }
    }

    /// A record for an account, as text. It can be read by everybody, and made by nobody else.
    #[must_use]
    pub fn seal(&self, kind: TokenKind, account: i64, record: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(BYTES_MAX);
        bytes.extend_from_slice(record);
        bytes.extend(self.mac_of(kind, account, record).finalize().into_bytes().into_iter().take(SEAL_BYTES));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The record of `N` bytes in a text that this key made for the account.
    #[must_use]
    pub fn open<const N: usize>(&self, kind: TokenKind, account: i64, text: &str) -> Option<[u8; N]> {
        let mut room = [0; BYTES_MAX];
        let bytes = room.get_mut(..N + SEAL_BYTES)?;
        // Text of another length does not fit, and is not even decoded.
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
    fn a_record_is_for_one_account_one_sale_and_one_purpose() {
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
    fn a_record_that_was_changed_is_none() {
        let key = TokenKey::new(1, &[7; 32]);
        let text = key.seal(TokenKind::Ticket, 10, &[0; 14]);
        for place in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[place] = if forged[place] == b'B' { b'C' } else { b'B' };
            assert_eq!(
                key.open::<14>(TokenKind::Ticket, 10, std::str::from_utf8(&forged).unwrap()),
                None,
                "at {place}"
            );
        }
        for broken in ["", "x", text.split_at(1).1, &format!("{text}A"), &"é".repeat(20)] {
            assert_eq!(key.open::<14>(TokenKind::Ticket, 10, broken), None, "{broken:?}");
        }
    }
}
