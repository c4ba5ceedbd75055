//! Content of a queue token: the position of a buyer in a waiting room.

use pulse_kernel::Timestamp;

use super::signed_token::{TokenKey, TokenKind};
use super::ticket::{millis_of_bytes, millis_to_bytes};

/// Position in the waiting room of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePosition {
    /// Time at which the room was opened. A restarted node opens another room.
    pub room: Timestamp,
    /// Number in the queue of the room.
    pub number: u64,
    /// Device of the buyer; 0 if unknown.
    pub device: i64,
}

impl QueuePosition {
    /// Encodes and signs the position for one account.
    #[must_use]
    pub fn sign(self, key: &TokenKey, account: i64) -> String {
        let mut record = [0; 22];
        let (room, rest) = record.split_at_mut(6);
        let (number, device) = rest.split_at_mut(8);
        room.copy_from_slice(&millis_to_bytes(self.room));
        number.copy_from_slice(&self.number.to_be_bytes());
        device.copy_from_slice(&self.device.to_be_bytes());
        key.seal(TokenKind::QueuePosition, account, &record)
    }

    /// Verifies a queue token of this account. `None` if it is invalid.
    #[must_use]
    pub fn read(key: &TokenKey, account: i64, text: &str) -> Option<Self> {
        let record = key.open::<22>(TokenKind::QueuePosition, account, text)?;
        let (room, rest) = record.split_at_checked(6)?;
        let (number, device) = rest.split_at_checked(8)?;
        Some(Self {
            room: millis_of_bytes(room),
            number: u64::from_be_bytes(number.try_into().ok()?),
            device: i64::from_be_bytes(device.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_token_is_valid_for_one_account() {
        let position = QueuePosition { room: Timestamp::from_millis(77), number: 1 << 40, device: -1 };
        let key = TokenKey::new(1, &[7; 32]);
        let text = position.sign(&key, 10);
        assert_eq!(QueuePosition::read(&key, 10, &text), Some(position));
        assert_eq!(QueuePosition::read(&key, 11, &text), None);
    }
}
