//! Tickets: who may ask to be admitted to which sale, until when.
//!
//! A ticket is its own record: when it was made and for which device, signed with a key that only the sale has, over
//! the sale and the account too. Nothing is kept of it, so making millions of them costs no memory; and whose it is
//! cannot be read from it. It is used up by the admission of its owner: one that was made before that is worth nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use pulse_kernel::Timestamp;
use sha2::Sha256;

/// Milliseconds, device, signature.
const BYTES: usize = TIME_BYTES + DEVICE_BYTES + SEAL_BYTES;
const TIME_BYTES: usize = 6;
const DEVICE_BYTES: usize = 8;
/// 128 bits: what nobody guesses.
const SEAL_BYTES: usize = 16;
/// How a ticket is written.
const TEXT_BYTES: usize = 40;

/// The key of a sale's tickets.
#[derive(Clone)]
pub struct TicketKey {
    /// The key, prepared: each ticket begins with a copy of it.
    seal: Hmac<Sha256>,
    sale: i64,
}

/// What a good ticket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// When it was made.
    pub issued_at: Timestamp,
    /// For which device; 0 when the app did not say.
    pub device: i64,
}

impl TicketKey {
    /// The key of the tickets of `sale`.
    #[must_use]
    pub fn new(sale: i64, secret: &[u8]) -> Self {
        // Any length is a key.
        let seal = Hmac::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()));
        Self { seal, sale }
    }

    /// The ticket of an account, as text of 40 characters.
    #[must_use]
    pub fn sign(&self, account: i64, ticket: Ticket) -> String {
        let mut bytes = [0; BYTES];
        let (head, seal) = bytes.split_at_mut(TIME_BYTES + DEVICE_BYTES);
        let (time, device) = head.split_at_mut(TIME_BYTES);
        let [_, _, millis @ ..] = ticket.issued_at.as_millis().to_be_bytes();
        time.copy_from_slice(&millis);
        device.copy_from_slice(&ticket.device.to_be_bytes());
        seal.copy_from_slice(&self.seal_of(account, head));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a ticket says, when this key made it for the account.
    #[must_use]
    pub fn read(&self, account: i64, text: &str) -> Option<Ticket> {
        if text.len() != TEXT_BYTES {
            return None;
        }
        let mut bytes = [0; BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let (head, seal) = bytes.get(..length)?.split_at_checked(TIME_BYTES + DEVICE_BYTES)?;
        let mut mac = self.seal.clone();
        mac.update(&self.sale.to_be_bytes());
        mac.update(&account.to_be_bytes());
        mac.update(head);
        mac.verify_truncated_left(seal).ok()?;
        let (time, device) = head.split_at_checked(TIME_BYTES)?;
        let millis = time.iter().fold(0_i64, |millis, byte| millis << 8 | i64::from(*byte));
        let device = i64::from_be_bytes(device.try_into().ok()?);
        Some(Ticket { issued_at: Timestamp::from_millis(millis), device })
    }

    fn seal_of(&self, account: i64, head: &[u8]) -> [u8; SEAL_BYTES] {
        let mut mac = self.seal.clone();
        mac.update(&self.sale.to_be_bytes());
        mac.update(&account.to_be_bytes());
        mac.update(head);
        let whole = mac.finalize().into_bytes();
        let mut seal = [0; SEAL_BYTES];
        seal.iter_mut().zip(whole).for_each(|(to, byte)| *to = byte);
        seal
    }
}

impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketKey").field("sale", &self.sale).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: Ticket = Ticket { issued_at: Timestamp::from_millis(1_800_000_000_123), device: -7 };

    fn key(sale: i64) -> TicketKey {
        TicketKey::new(sale, &[7; 32])
    }

    /// TR-05: the ticket of one account is nothing in the hands of another, or in another sale.
    #[test]
    fn a_ticket_is_for_one_account_and_one_sale() {
        let text = key(1).sign(10, TICKET);
        assert_eq!(text.len(), TEXT_BYTES);
        assert_eq!(key(1).read(10, &text), Some(TICKET));
        assert_eq!(key(1).read(11, &text), None);
        assert_eq!(key(2).read(10, &text), None);
        assert_eq!(TicketKey::new(1, &[8; 32]).read(10, &text), None);
    }

    #[test]
    fn a_ticket_that_was_changed_is_none() {
        let text = key(1).sign(10, TICKET);
        for place in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(key(1).read(10, std::str::from_utf8(&forged).unwrap()), None, "at {place}");
        }
        for broken in ["", "x", &text[1..], &format!("{text}A"), &"é".repeat(20)] {
            assert_eq!(key(1).read(10, broken), None, "{broken:?}");
        }
    }
}
