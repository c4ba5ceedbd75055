//! Tickets: permission of an account to request an admission to a sale, for a limited time.
//!
//! Issuing a ticket needs no storage. The admission of its owner invalidates all tickets that were issued before.

use pulse_kernel::Timestamp;

use super::signed_token::{TokenKey, TokenKind};

/// Length of a record: issue time in milliseconds, device.
const BYTES: usize = TIME_BYTES + 8;
const TIME_BYTES: usize = 6;

/// Content of a valid ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Issue time.
    pub issued_at: Timestamp,
    /// Device of the buyer; 0 if unknown.
    pub device: i64,
}

impl Ticket {
    /// Encodes and signs the ticket for one account, as text of 40 characters.
    #[must_use]
    pub fn sign(self, key: &TokenKey, account: i64) -> String {
        let mut record = [0; BYTES];
        let (time, device) = record.split_at_mut(TIME_BYTES);
        time.copy_from_slice(&millis_to_bytes(self.issued_at));
        device.copy_from_slice(&self.device.to_be_bytes());
        key.seal(TokenKind::Ticket, account, &record)
    }

    /// Verifies a ticket of this account. `None` if it is invalid.
    #[must_use]
    pub fn read(key: &TokenKey, account: i64, text: &str) -> Option<Self> {
        let record = key.open::<BYTES>(TokenKind::Ticket, account, text)?;
        let (time, device) = record.split_at_checked(TIME_BYTES)?;
        Some(Self { issued_at: millis_of_bytes(time), device: i64::from_be_bytes(device.try_into().ok()?) })
    }
}

/// Encodes an instant as milliseconds in six bytes, which suffice for 8,900 years.
pub(super) fn millis_to_bytes(at: Timestamp) -> [u8; TIME_BYTES] {
    let [_, _, millis @ ..] = at.as_millis().to_be_bytes();
    millis
}

/// The reverse of [`millis_to_bytes`].
pub(super) fn millis_of_bytes(bytes: &[u8]) -> Timestamp {
    Timestamp::from_millis(bytes.iter().fold(0_i64, |millis, byte| millis << 8 | i64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TR-05: the ticket of one account is invalid for another account.
    #[test]
    fn a_ticket_is_valid_for_one_account() {
        let ticket = Ticket { issued_at: Timestamp::from_millis(1_800_000_000_123), device: -7 };
        let key = TokenKey::new(1, &[7; 32]);
        let text = ticket.sign(&key, 10);
        assert_eq!(text.len(), 40);
        assert_eq!(Ticket::read(&key, 10, &text), Some(ticket));
        assert_eq!(Ticket::read(&key, 11, &text), None);
    }
}
