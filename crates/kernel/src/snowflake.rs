//! IDs that are ordered by time and need no coordination: 41 bits of milliseconds, 10 of node, 12 of sequence.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Timestamp;

/// 2024-01-01T00:00:00Z, the start of the 41 bits, which last until 2093.
pub const EPOCH_MS: i64 = 1_704_067_200_000;
/// Maximum number of nodes that generate IDs concurrently.
pub const NODES_MAX: u16 = 1 << NODE_BITS;

const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;

/// Generates the IDs of one node. Shared between threads without a lock.
///
/// The time part never decreases: after a step back of the clock, IDs continue from the last used millisecond. After the
/// 4096 IDs of a millisecond the generator uses the next one, so it never waits. A node may restart within the error of its
/// clock only with a newly leased node number (see `store::lease`).
#[derive(Debug)]
pub struct IdGenerator {
    node: u64,
    /// Milliseconds since [`EPOCH_MS`] and sequence, as in the ID without the node.
    last: AtomicU64,
}

impl IdGenerator {
    /// A generator for `node`.
    ///
    /// # Panics
    /// If `node` is not below [`NODES_MAX`].
    #[must_use]
    pub fn new(node: u16) -> Self {
        assert!(node < NODES_MAX, "node must be below {NODES_MAX}, got {node}");
        Self { node: u64::from(node), last: AtomicU64::new(0) }
    }

    /// The next ID, positive and larger than all previous ones of this generator.
    #[must_use]
    pub fn next_id(&self, now: Timestamp) -> i64 {
        let millis = u64::try_from(now.as_millis().saturating_sub(EPOCH_MS)).unwrap_or(0);
        let fresh = millis << SEQUENCE_BITS;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next = fresh.max(last + 1);
            match self.last.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return self.pack(next),
                Err(seen) => last = seen,
            }
        }
    }

    fn pack(&self, time_and_sequence: u64) -> i64 {
        let time = time_and_sequence >> SEQUENCE_BITS;
        let sequence = time_and_sequence & ((1 << SEQUENCE_BITS) - 1);
        let id = (time << (NODE_BITS + SEQUENCE_BITS)) | (self.node << SEQUENCE_BITS) | sequence;
        i64::try_from(id).unwrap_or(i64::MAX)
    }
}

/// Time at which the ID was generated.
#[must_use]
pub fn timestamp_of(id: i64) -> Timestamp {
    Timestamp::from_millis((id >> (NODE_BITS + SEQUENCE_BITS)).saturating_add(EPOCH_MS))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(EPOCH_MS + 86_400_000);

    /// RV-04: a clock that moves back 5 s never repeats an id, and ids stay monotone.
    #[test]
    fn a_clock_moved_back_never_repeats_an_id() {
        let ids = IdGenerator::new(7);
        let mut last = 0;
        for step in 0..20_000 {
            let now = if step % 100 < 50 { NOW } else { NOW.minus(Duration::from_secs(5)) };
            let id = ids.next_id(now);
            assert!(id > last);
            last = id;
        }
    }

    /// RV-04: 8 generators x 1e6 ids, no duplicate, monotone per generator.
    #[test]
    fn eight_generators_draw_a_million_ids_each_without_a_duplicate() {
        let drawn: Vec<Vec<i64>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8).map(|node| scope.spawn(move || draw_a_million(node))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        assert!(drawn.iter().all(|ids| ids.is_sorted()));
        let distinct: HashSet<i64> = drawn.iter().flatten().copied().collect();
        assert_eq!(distinct.len(), 8_000_000);
    }

    fn draw_a_million(node: u16) -> Vec<i64> {
        let ids = IdGenerator::new(node);
        (0..1_000_000).map(|step| ids.next_id(NOW.plus(Duration::from_micros(step)))).collect()
    }

    #[test]
    fn an_id_contains_its_time() {
        let id = IdGenerator::new(1023).next_id(NOW);
        assert!(id > 0);
        assert_eq!(timestamp_of(id), NOW);
    }
}
