//! The waiting rooms of this process, one per sale that gives out so many tickets in a second.
//!
//! Each node calls at its own rate: on several nodes a sale gives out so many tickets per second on each.

use std::collections::HashMap;

use parking_lot::Mutex;
use pulse_kernel::Timestamp;

use crate::domain::queue::Queue;
use crate::domain::queue_position::QueuePosition;

#[derive(Debug)]
struct Room {
    opened_at: Timestamp,
    queue: Queue,
}

/// The waiting rooms, by sale.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<HashMap<i64, Room>>);

impl Rooms {
    /// A place in the room of a sale.
    pub(crate) fn join(&self, sale: i64, device: i64, now: Timestamp, per_second: u32) -> QueuePosition {
        self.with(sale, now, per_second, |room| QueuePosition {
            room: room.opened_at,
            number: room.queue.join(now, per_second),
            device,
        })
    }

    /// How many are before a place; `None` when it is of a room that is no more.
    pub(crate) fn ahead_of(&self, sale: i64, place: QueuePosition, now: Timestamp, per_second: u32) -> Option<u64> {
        self.with(sale, now, per_second, |room| {
            (room.opened_at == place.room).then(|| room.queue.ahead_of(place.number, now, per_second))
        })
    }

    /// Closes the room of a sale that is over.
    pub(crate) fn close(&self, sale: i64) {
        self.0.lock().remove(&sale);
    }

    fn with<T>(&self, sale: i64, now: Timestamp, per_second: u32, work: impl FnOnce(&mut Room) -> T) -> T {
        let mut rooms = self.0.lock();
        let room = rooms.entry(sale).or_insert_with(|| Room { opened_at: now, queue: Queue::new(now, per_second) });
        work(room)
    }
}
