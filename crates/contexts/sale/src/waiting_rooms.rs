//! Waiting rooms of this process: one for each sale that limits its tickets per second.
//!
//! The limit applies to each node.

use std::collections::HashMap;

use parking_lot::Mutex;
use pulse_kernel::Timestamp;

use crate::domain::queue::Queue;
use crate::domain::queue_position::QueuePosition;

#[derive(Debug)]
struct WaitingRoom {
    opened_at: Timestamp,
    queue: Queue,
}

/// Waiting rooms by sale.
#[derive(Debug, Default)]
pub(crate) struct WaitingRooms(Mutex<HashMap<i64, WaitingRoom>>);

impl WaitingRooms {
    /// Adds a device to the queue of a sale and returns its position.
    pub(crate) fn join(&self, sale: i64, device: i64, now: Timestamp, per_second: u32) -> QueuePosition {
        self.with(sale, now, per_second, |room| QueuePosition {
            room: room.opened_at,
            number: room.queue.join(now, per_second),
            device,
        })
    }

    /// Returns the number of buyers ahead of a position; `None` when its room no longer exists.
    pub(crate) fn ahead_of(&self, sale: i64, position: QueuePosition, now: Timestamp, per_second: u32) -> Option<u64> {
        self.with(sale, now, per_second, |room| {
            (room.opened_at == position.room).then(|| room.queue.ahead_of(position.number, now, per_second))
        })
    }

    /// Removes the room of a sale that has ended.
    pub(crate) fn close(&self, sale: i64) {
        self.0.lock().remove(&sale);
    }

    fn with<T>(&self, sale: i64, now: Timestamp, per_second: u32, work: impl FnOnce(&mut WaitingRoom) -> T) -> T {
        let mut rooms = self.0.lock();
        let new = || WaitingRoom { opened_at: now, queue: Queue::new(now, per_second) };
        work(rooms.entry(sale).or_insert_with(new))
    }
}
