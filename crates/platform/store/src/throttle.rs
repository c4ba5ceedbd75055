//! A throttle for background work: it limits the share of time that the work spends reading.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Minimum time of work between two pauses.
const SLICE: Duration = Duration::from_millis(10);

/// Limits background work to a share of the machine's time.
///
/// A pause precedes a read, so no connection and no lock is held during it.
#[derive(Debug)]
pub struct Throttle {
    percent: u32,
    started_at: Mutex<Instant>,
}

impl Throttle {
    /// A throttle that lets the work take `percent` of the time, 1 to 100. With 100 it never pauses.
    #[must_use]
    pub fn of_percent(percent: u32) -> Self {
        Self { percent: percent.clamp(1, 100), started_at: Mutex::new(Instant::now()) }
    }

    /// Pauses when the work has used its share.
    ///
    /// Cancel-safe: dropping the future makes the next pause longer.
    pub async fn pause(&self) {
        let worked = self.started_at.lock().elapsed();
        if worked < SLICE {
            return;
        }
        tokio::time::sleep(pause_after(worked, self.percent)).await;
        *self.started_at.lock() = Instant::now();
    }
}

/// The pause after `worked`, so that the work took `percent` of the time.
fn pause_after(worked: Duration, percent: u32) -> Duration {
    worked.saturating_mul(100_u32.saturating_sub(percent)).checked_div(percent).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_kept() {
        let worked = Duration::from_millis(30);
        for (percent, millis) in [(1, 2_970), (10, 270), (40, 45), (50, 30), (75, 10), (100, 0)] {
            assert_eq!(pause_after(worked, percent), Duration::from_millis(millis), "{percent} %");
        }
    }
}
