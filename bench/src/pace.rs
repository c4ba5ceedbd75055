//! The schedule of an open loop, and the thread that keeps it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::rates::nanos;

const NANOS_PER_S: u64 = 1_000_000_000;
/// The shortest sleep; at higher rates several requests leave together.
pub(crate) const SLEEP_MIN: Duration = Duration::from_micros(100);

/// When each request of an open loop is due, in nanoseconds on the run's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    rate_per_s: u64,
    start: u64,
}

impl Schedule {
    /// `rate_per_s` requests a second, evenly spaced, the first at `start`. A rate of 0 is taken as 1.
    pub(crate) fn new(rate_per_s: u64, start: u64) -> Self {
        Self { rate_per_s: rate_per_s.max(1), start }
    }

    /// When the request of this number (0 is the first) is due.
    pub(crate) fn due_at(self, number: u64) -> u64 {
        let offset = (u128::from(number) * u128::from(NANOS_PER_S)).div_euclid(u128::from(self.rate_per_s));
        self.start.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX))
    }

    /// How many requests are due up to and including the instant `now`.
    pub(crate) fn due_count(self, now: u64) -> u64 {
        let Some(since_start) = now.checked_sub(self.start) else { return 0 };
        // The largest n with floor(n * 1e9 / rate) <= t is the largest with n * 1e9 < (t + 1) * rate.
        let scaled = (u128::from(since_start) + 1) * u128::from(self.rate_per_s) - 1;
        u64::try_from(scaled.div_euclid(u128::from(NANOS_PER_S))).map_or(u64::MAX, |last| last.saturating_add(1))
    }

    /// How many requests are due before the instant `end`.
    pub(crate) fn due_before(self, end: u64) -> u64 {
        end.checked_sub(1).map_or(0, |last| self.due_count(last))
    }

    /// How long to sleep at the instant `now` when `released` requests have left already.
    pub(crate) fn sleep(self, now: u64, released: u64) -> Duration {
        Duration::from_nanos(self.due_at(released).saturating_sub(now)).max(SLEEP_MIN)
    }
}

/// A thread that hands out permits as requests become due.
///
/// The runtime's timer counts whole milliseconds, which would add up to one to every latency. A sleeping thread is
/// woken within some 50 us on every system, and it costs a few percent of a core at the highest rates.
pub(crate) struct Pacer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pacer {
    /// Runs `keep` until it returns; it looks at its flag at least once a second and returns when that is set.
    pub(crate) fn start(keep: impl FnOnce(&AtomicBool) + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("pulse-pace".to_owned());
        let thread = thread.spawn(move || keep(&stopped))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It only sleeps and counts, so it cannot have panicked.
            thread.join().unwrap_or_default();
        }
    }
}

/// What one thread of the generator sends of a schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) schedule: Schedule,
    /// The instant that the schedule counts from.
    pub(crate) origin: Instant,
    /// Requests of the schedule, over all threads.
    pub(crate) count: u64,
    /// Which of them are this thread's.
    pub(crate) share: Share,
    /// Permits to give away at the end.
    pub(crate) surplus: usize,
}

impl Plan {
    /// Gives one permit for each request when it is due, and the surplus at the end, so that everybody who waits then
    /// learns that it is over.
    pub(crate) fn keep(self, permits: &Semaphore, stop: &AtomicBool) {
        let mut released = 0;
        while !stop.load(Ordering::Relaxed) {
            let now = nanos(self.origin.elapsed());
            let due = self.schedule.due_count(now).min(self.count);
            let ours = self.share.of(due);
            permits.add_permits(usize::try_from(ours - released).unwrap_or(0));
            released = ours;
            if due == self.count {
                permits.add_permits(self.surplus);
                return;
            }
            std::thread::park_timeout(self.schedule.sleep(now, due));
        }
    }
}

/// One of several threads that divide a schedule: it takes the numbers that leave `index` when divided by `threads`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    index: u64,
    threads: u64,
}

impl Share {
    /// The share of the thread `index` of `threads`.
    pub(crate) fn new(index: usize, threads: usize) -> Self {
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Self { index: wide(index), threads: wide(threads.max(1)) }
    }

    /// How many of the numbers 0 to `count - 1` are in the share.
    pub(crate) fn of(self, count: u64) -> u64 {
        (count + self.threads - 1 - self.index).div_euclid(self.threads)
    }

    /// The number at this place (0 is the first) of the share.
    pub(crate) fn at(self, place: u64) -> u64 {
        place * self.threads + self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_count_and_due_at_agree_at_every_edge() {
        for rate in [1, 3, 7, 1_000, 33_333, 1_000_000] {
            let schedule = Schedule::new(rate, 5_000);
            assert_eq!((schedule.due_count(4_999), schedule.due_at(0)), (0, 5_000));
            for number in [0, 1, 2, 3, 10, 99, 12_345] {
                let due = schedule.due_at(number);
                assert_eq!(schedule.due_count(due), number + 1, "rate {rate}, number {number}");
                assert_eq!(schedule.due_count(due - 1), number, "rate {rate}, number {number}");
            }
        }
    }

    #[test]
    fn shares_take_every_number_exactly_once() {
        let shares = [0, 1, 2].map(|index| Share::new(index, 3));
        for count in 0..10 {
            let mut all: Vec<u64> =
                shares.iter().flat_map(|share| (0..share.of(count)).map(|place| share.at(place))).collect();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn sleeps_until_the_next_request_is_due() {
        let schedule = Schedule::new(1_000, 0);
        assert_eq!(schedule.sleep(200_000, 1), Duration::from_micros(800));
        assert_eq!(schedule.sleep(1_500_000, 1), SLEEP_MIN, "a late request does not make the timer spin");
        assert_eq!(Schedule::new(0, 0).sleep(0, 1), Duration::from_secs(1));
    }
}
