//! A sliding window: the times of the counted events.

use std::time::Duration;

use pulse_kernel::Timestamp;
use smallvec::SmallVec;

use super::table::Counter;
use crate::{Decision, Quota};

/// Times of the counted events, oldest first. Two fit without an allocation; duplicate checks need one.
#[derive(Default)]
pub(super) struct Window {
    at: SmallVec<[Timestamp; 2]>,
    idle_at: Timestamp,
}

impl Window {
    pub(super) fn count(&mut self, quota: Quota, now: Timestamp) -> Decision {
        let window = Duration::from_millis(u64::from(quota.window_ms));
        // An event more than a window ahead means that the clock was set back since.
        self.at.retain(|at| at.plus(window) > now && at.minus(window) <= now);
        let limit = usize::try_from(quota.count).unwrap_or(usize::MAX);
        if let Some(excess) = self.at.len().checked_sub(limit) {
            // An event is allowed when all but `limit - 1` of them have left the window.
            let retry_after = self.at.get(excess).map_or(Duration::MAX, |at| at.plus(window).since(now));
            return Decision::refuse(0, retry_after);
        }
        // A request may arrive after another one that read the clock later.
        let place = self.at.partition_point(|at| *at <= now);
        self.at.insert(place, now);
        self.idle_at = self.at.last().map_or(now, |last| last.plus(window));
        Decision::allow(u32::try_from(limit - self.at.len()).unwrap_or(u32::MAX))
    }
}

impl Counter for Window {
    fn idle_at(&self) -> Timestamp {
        self.idle_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_smaller_limit_waits_for_as_many_to_leave() {
        let mut window = Window::default();
        for millis in [0, 10, 20, 30] {
            assert!(window.count(Quota::new(4, 100), at(millis)).is_allowed);
        }
        let decision = window.count(Quota::new(2, 100), at(40));
        assert_eq!(decision, Decision::refuse(0, Duration::from_millis(80)));
        assert!(!window.count(Quota::new(2, 100), at(119)).is_allowed);
        assert!(window.count(Quota::new(2, 100), at(120)).is_allowed);
        assert_eq!(Window::default().count(Quota::new(0, 100), at(0)), Decision::refuse(0, Duration::MAX));
    }

    #[test]
    fn a_clock_set_back_by_a_day_starts_a_new_window() {
        let mut window = Window::default();
        assert!(window.count(Quota::new(1, 100), at(86_400_000)).is_allowed);
        assert!(!window.count(Quota::new(1, 100), at(86_399_950)).is_allowed);
        assert!(window.count(Quota::new(1, 100), at(0)).is_allowed);
    }
}
