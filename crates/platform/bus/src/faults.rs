//! Faults on purpose: what deliveries suffer when somebody wants to know whether consumers bear it.
//!
//! All of them are within what the bus promises: an event may come twice, also at the same time while a lease changes
//! hands, an acknowledgement may get lost, and an event may come long after newer ones of other keys. The order of a
//! key holds.

use std::time::Duration;

/// How often one event is hit per consumer at most: fewer than the default back-off has attempts, so that no fault makes
/// a dead letter.
const HITS_MAX: u32 = 3;

/// How many of a thousand deliveries suffer what.
///
/// What a delivery suffers depends on the seed and on which delivery it is, and on nothing else: not on what else
/// happened, nor on who was faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Draws the faults.
    pub seed: u64,
    /// Delivered twice at the same time.
    pub twice: u32,
    /// Handled, and the acknowledgement is lost, so that it comes again.
    pub unacknowledged: u32,
    /// Lost on the way to the handler, so that it comes after the back-off.
    pub lost: u32,
    /// On the way for [`Faults::late_for`], while those of other keys pass.
    pub late: u32,
    /// How long a late one takes.
    pub late_for: Duration,
}

impl Faults {
    /// Half of all deliveries suffer something; a late one takes five seconds.
    #[must_use]
    pub const fn many(seed: u64) -> Self {
        Self { seed, twice: 125, unacknowledged: 125, lost: 125, late: 125, late_for: Duration::from_secs(5) }
    }

    /// What this delivery suffers.
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

/// What one delivery suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Twice,
    Unacknowledged,
    Lost,
    Late(Duration),
}

/// The finalizer of splitmix64: every bit of the answer depends on every bit of the state.
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
    fn the_same_seed_draws_the_same_and_another_one_others() {
        let faults = Faults::many(7);
        assert_eq!(drawn(&faults, 0), drawn(&faults, 0));
        assert_ne!(drawn(&faults, 0), drawn(&Faults::many(8), 0));
        assert_ne!(drawn(&faults, 0), drawn(&faults, 1), "the next attempt has another fate");
    }

    #[test]
    fn shares_are_kept_and_nobody_is_hit_for_ever() {
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
