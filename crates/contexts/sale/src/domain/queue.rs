//! Queue of a waiting room: buyers receive consecutive numbers, which are called at a fixed rate per second.

use std::time::Duration;

use pulse_kernel::Timestamp;

/// Queue with a constant rate. It needs constant memory, independent of the number of waiting buyers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Next number to assign.
    joined: u64,
    /// Number of called numbers, in thousandths.
    called_milli: u64,
    /// Time up to which `called_milli` is computed.
    at: Timestamp,
}

/// Milliseconds per second; a rate per second is the same number of thousandths per millisecond.
const MILLI: u64 = 1_000;

impl Queue {
    /// Creates an empty queue. The numbers of the first second are called immediately.
    #[must_use]
    pub fn new(now: Timestamp, per_second: u32) -> Self {
        Self { joined: 0, called_milli: u64::from(per_second).saturating_mul(MILLI), at: now }
    }

    /// Assigns the next number.
    pub fn join(&mut self, now: Timestamp, per_second: u32) -> u64 {
        self.reckon(now, per_second);
        let number = self.joined;
        self.joined += 1;
        number
    }

    /// Returns the number of calls until `number` is called; 0 if it is called.
    pub fn ahead_of(&mut self, number: u64, now: Timestamp, per_second: u32) -> u64 {
        self.reckon(now, per_second);
        (number + 1).saturating_sub(self.called_milli.checked_div(MILLI).unwrap_or(0))
    }

    /// Adds the calls of the passed time. Unused calls accumulate for at most one second.
    fn reckon(&mut self, now: Timestamp, per_second: u32) {
        let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let rate = u64::from(per_second);
        let called = self.called_milli.saturating_add(passed.saturating_mul(rate));
        self.called_milli = called.min(self.joined.saturating_add(rate).saturating_mul(MILLI));
        self.at = self.at.max(now);
    }
}

/// Estimates the time until `ahead` numbers are called.
#[must_use]
pub fn wait_for(ahead: u64, per_second: u32) -> Duration {
    let millis = ahead.saturating_mul(MILLI).checked_div(u64::from(per_second)).unwrap_or(0);
    Duration::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_000_000);

    fn at(millis: u64) -> Timestamp {
        START.plus(Duration::from_millis(millis))
    }

    #[test]
    fn numbers_are_called_in_order_and_at_the_rate() {
        let mut queue = Queue::new(START, 10);
        let numbers: Vec<u64> = (0..30).map(|_| queue.join(START, 10)).collect();
        assert_eq!(numbers, (0..30).collect::<Vec<_>>());
        assert_eq!(queue.ahead_of(9, START, 10), 0, "the numbers of the first second are called");
        assert_eq!((queue.ahead_of(10, START, 10), queue.ahead_of(29, START, 10)), (1, 20));
        assert_eq!(wait_for(20, 10), Duration::from_secs(2));
        assert_eq!(queue.ahead_of(10, at(99), 10), 1);
        assert_eq!(queue.ahead_of(10, at(100), 10), 0);
        assert_eq!((queue.ahead_of(29, at(1_999), 10), queue.ahead_of(29, at(2_000), 10)), (1, 0));
    }

    /// After an idle hour, only the calls of one second are available.
    #[test]
    fn unused_calls_accumulate_for_one_second() {
        let mut queue = Queue::new(START, 10);
        let late = at(3_600_000);
        let numbers: Vec<u64> = (0..20).map(|_| queue.join(late, 10)).collect();
        let called = numbers.iter().filter(|number| queue.ahead_of(**number, late, 10) == 0).count();
        assert_eq!(called, 10);
    }

    #[test]
    fn a_clock_that_goes_back_calls_no_numbers() {
        let mut queue = Queue::new(START, 10);
        let last = (0..11).map(|_| queue.join(at(0), 10)).last();
        assert_eq!(last, Some(10));
        assert_eq!(queue.ahead_of(10, START.minus(Duration::from_secs(9)), 10), 1);
        assert_eq!(queue.ahead_of(10, at(100), 10), 0);
    }
}
