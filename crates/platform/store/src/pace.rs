//! A pace for work that nobody waits for: it reads for a share of the time and rests for the others.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Work is not interrupted more often than this.
const SLICE: Duration = Duration::from_millis(10);

/// Lets work in the background take at most a share of the time. It goes by the clock of the machine, whose time it is
/// that others want.
///
/// A rest comes before a read, so nothing is held meanwhile: no connection, no lock.
#[derive(Debug)]
pub struct Pace {
    percent: u32,
    began: Mutex<Instant>,
}

impl Pace {
    /// So many of a hundred parts of the time, from 1; with 100 it never rests.
    #[must_use]
    pub fn of_percent(percent: u32) -> Self {
        Self { percent: percent.clamp(1, 100), began: Mutex::new(Instant::now()) }
    }

    /// Rests when it is time for that.
    ///
    /// Cancel-safe: dropping the future makes the next rest longer.
    pub async fn rest(&self) {
        let worked = self.began.lock().elapsed();
        if worked < SLICE {
            return;
        }
        tokio::time::sleep(rest_after(worked, self.percent)).await;
        *self.began.lock() = Instant::now();
    }
}

/// How long to rest after so much work, so that it was its share.
fn rest_after(worked: Duration, percent: u32) -> Duration {
    worked.saturating_mul(100_u32.saturating_sub(percent)).checked_div(percent).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_kept() {
        let worked = Duration::from_millis(30);
        for (percent, millis) in [(1, 2_970), (10, 270), (40, 45), (50, 30), (75, 10), (100, 0)] {
            assert_eq!(rest_after(worked, percent), Duration::from_millis(millis), "{percent} %");
        }
    }
}
