//! Fault injection for deliveries, to test consumers.
//!
//! All faults are within the guarantees of the bus: an event may be delivered twice, also concurrently while a lease changes
//! hands; an acknowledgement may be lost; an event may be delivered long after newer ones of other keys. The order of a key
//! holds.

use std::time::Duration;

/// Maximum number of faults per event and consumer. It is below the attempts of the default back-off, so that faults never
/// cause a dead letter.
const HITS_MAX: u32 = 3;

/// Rates of the faults, per 1,000 deliveries.
///
/// The fault of a delivery depends on the seed, the event, the consumer and the attempt only, so runs are reproducible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Seed of the faults.
    pub seed: u64,
    /// Deliveries that are made twice, concurrently.
    pub twice: u32,
    /// Deliveries that are handled but not acknowledged, so that they are repeated.
    pub unacknowledged: u32,
    /// Deliveries that do not reach the handler, so that they are repeated after the back-off.
    pub lost: u32,
    /// Deliveries that are delayed by [`Faults::late_for`].
    pub late: u32,
    /// Delay of late deliveries.
    pub late_for: Duration,
}

impl Faults {
    /// Faults for half of all deliveries, 125 of 1,000 for each kind, with a delay of 5 s for late ones.
    #[must_use]
    pub const fn many(seed: u64) -> Self {
        Self { seed, twice: 125, unacknowledged: 125, lost: 125, late: 125, late_for: Duration::from_secs(5) }
    }

    /// The fault of a delivery, if any.
    pub(crate) fn of(&self, (consumer, context): (&str, &str), seq: i64, attempts: u32) -> Option<Fault> {
        if attempts >= HITS_MAX {
            return None;
        }
        let words = [consumer.as_bytes(), context.as_bytes(), &seq.to_le_bytes(), &attempts.to_le_bytes()];
        let mixed = words.into_iter().flatten().fold(mix(self.seed), |state, byte| mix(state ^ u64::from(*byte)));
        let mut drawn = u32::try_from(mixed % 1_000).unwrap_or_default();
        let faults = [
            (self.twice, Fault::Twice),
            (self.unacknowledged, Fault::Unacknowledged),
            (self.lost, Fault::Lost),
            (self.late, Fault::Late(self.late_for)),
        ];
        for (share, fault) in faults {
            match drawn.checked_sub(share) {
                None => return Some(fault),
                Some(rest) => drawn = rest,
            }
        }
        None
    }
}

/// The fault of one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Twice,
    Unacknowledged,
    Lost,
    Late(Duration),
}

/// The finalizer of splitmix64: every bit of the result depends on every bit of the state.
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(faults: &Faults, attempts: u32) -> Vec<Option<Fault>> {
        (0..1_000).map(|seq| faults.of(("a.consumer", "order"), seq, attempts)).collect()
    }

    #[test]
    fn faults_depend_on_the_seed() {
        let faults = Faults::many(7);
        assert_eq!(drawn(&faults, 0), drawn(&faults, 0));
        assert_ne!(drawn(&faults, 0), drawn(&Faults::many(8), 0));
        assert_ne!(drawn(&faults, 0), drawn(&faults, 1), "attempts have independent faults");
    }

    #[test]
    fn rates_are_kept_and_faults_of_an_event_end() {
        let faults = Faults::many(7);
        for fault in [Fault::Twice, Fault::Unacknowledged, Fault::Lost, Fault::Late(faults.late_for)] {
            let count = drawn(&faults, 0).into_iter().filter(|drawn| *drawn == Some(fault)).count();
            assert!((75..175).contains(&count), "{fault:?}: {count} of 1000");
        }
        let always = Faults { lost: 1_000, twice: 0, unacknowledged: 0, ..faults };
        assert_eq!(drawn(&always, HITS_MAX - 1), vec![Some(Fault::Lost); 1_000]);
        assert_eq!(drawn(&always, HITS_MAX), vec![None; 1_000]);
    }
}
