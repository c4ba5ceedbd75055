//! Tickets: who may ask to be admitted to which sale, until when.
//!
//! Making millions of them costs no memory. A ticket is used up by the admission of its owner: one that was made before
//! that is worth nothing.

use pulse_kernel::Timestamp;

use super::signed_token::{TokenKey, TokenKind};

/// Milliseconds and device.
const BYTES: usize = TIME_BYTES + 8;
const TIME_BYTES: usize = 6;

/// What a good ticket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// When it was made.
    pub issued_at: Timestamp,
    /// For which device; 0 when the app did not say.
    pub device: i64,
}

impl Ticket {
    /// The ticket of an account, as text of 40 characters.
    #[must_use]
    pub fn sign(self, key: &TokenKey, account: i64) -> String {
        let mut record = [0; BYTES];
        let (time, device) = record.split_at_mut(TIME_BYTES);
        time.copy_from_slice(&millis_to_bytes(self.issued_at));
        device.copy_from_slice(&self.device.to_be_bytes());
        key.seal(TokenKind::Ticket, account, &record)
    }

    /// What a ticket says, when this key made it for the account.
    #[must_use]
    pub fn read(key: &TokenKey, account: i64, text: &str) -> Option<Self> {
        let record = key.open::<BYTES>(TokenKind::Ticket, account, text)?;
        let (time, device) = record.split_at_checked(TIME_BYTES)?;
        Some(Self { issued_at: millis_of_bytes(time), device: i64::from_be_bytes(device.try_into().ok()?) })
    }
}

/// An instant in six bytes, which last for 8,900 years.
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

    /// TR-05: the ticket of one account is nothing in the hands of another.
    #[test]
    fn a_ticket_says_what_it_said() {
        let ticket = Ticket { issued_at: Timestamp::from_millis(1_800_000_000_123), device: -7 };
        let key = TokenKey::new(1, &[7; 32]);
        let text = ticket.sign(&key, 10);
        assert_eq!(text.len(), 40);
        assert_eq!(Ticket::read(&key, 10, &text), Some(ticket));
        assert_eq!(Ticket::read(&key, 11, &text), None);
    }
}
