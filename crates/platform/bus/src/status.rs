//! What a consumer is doing, for operators, metrics and tests.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::mode::Mode;
use crate::topic::Dropped;

/// A consumer, as this process sees it (TR-38).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// Its name.
    pub consumer: &'static str,
    /// Whether this process delivers to it; another node may. Counts below are of this process.
    pub is_active: bool,
    /// The switch.
    pub mode: Mode,
    /// Handlers that run now.
    pub running_count: usize,
    /// Events in memory: read and not settled.
    pub open_count: usize,
    /// Events that failed, or wait behind one of the same key that failed.
    pub parked_count: usize,
    /// Events that it gave up on.
    pub dead_letter_count: u64,
    /// Deliveries that ended well since the start, duplicates included.
    pub handled_count: u64,
    /// Of those, how many the inbox recognized as duplicates.
    pub duplicate_count: u64,
    /// Deliveries that failed since the start.
    pub failed_count: u64,
    /// Events dropped since the start, because their topic allows it.
    pub dropped_count: u64,
    /// The last failure, for people.
    pub last_error: Option<String>,
    /// How far each outbox is read.
    pub outboxes: Vec<OutboxStatus>,
}

/// How far a consumer has come in the outbox of one context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxStatus {
    /// The context.
    pub context: &'static str,
    /// Every event up to here is settled or parked.
    pub offset: i64,
    /// The last position that was seen in the outbox.
    pub head: i64,
    /// How many events the offset is behind, those of other topics included.
    pub lag: i64,
    /// Whether everything that this process wrote so far has been read.
    pub is_read: bool,
}

impl ConsumerStatus {
    /// Whether every event was handled, dropped or buried.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.is_active
            && self.running_count + self.open_count + self.parked_count == 0
            && self.outboxes.iter().all(|outbox| outbox.is_read && outbox.lag == 0)
    }
}

/// Where the worker of a consumer writes its status. Shared by the worker and the bus.
#[derive(Debug)]
pub(crate) struct Board {
    status: Mutex<Page>,
    /// Tells that some consumer came further.
    progress: Arc<watch::Sender<()>>,
}

#[derive(Debug, Default)]
struct Page {
    status: ConsumerStatus,
    /// Per outbox, in the order of the status: which state of the store's change counter was read to the end.
    read_versions: Vec<Option<u64>>,
}

impl Board {
    pub(crate) fn new(consumer: &'static str, progress: Arc<watch::Sender<()>>) -> Self {
        let status = ConsumerStatus { consumer, ..ConsumerStatus::default() };
        Self { status: Mutex::new(Page { status, read_versions: Vec::new() }), progress }
    }

    /// The status; `version_of` answers the change counter of a context's store now.
    pub(crate) fn status(&self, version_of: impl Fn(&str) -> Option<u64>) -> ConsumerStatus {
        let page = self.status.lock();
        let mut status = page.status.clone();
        for (outbox, read) in status.outboxes.iter_mut().zip(&page.read_versions) {
            outbox.is_read = read.is_some() && *read == version_of(outbox.context);
        }
        status
    }

    /// Changes the status, and says so when that matters to those who wait for progress.
    pub(crate) fn update(&self, change: impl FnOnce(&mut ConsumerStatus, &mut Vec<Option<u64>>)) {
        let is_changed = {
            let mut page = self.status.lock();
            let before = page.status.clone();
            let Page { status, read_versions } = &mut *page;
            change(status, read_versions);
            let is_changed = page.status != before;
            if is_changed {
                page.status.export();
            }
            is_changed
        };
        if is_changed {
            self.progress.send_replace(());
        }
    }

    /// How many deliveries came to an end, well or not.
    pub(crate) fn ended(&self) -> u64 {
        let page = self.status.lock();
        page.status.handled_count + page.status.failed_count + page.status.dropped_count
    }

    /// Counts one end of a delivery. `took` is the time of the handler.
    pub(crate) fn count(&self, outcome: Outcome, took: Option<Duration>, error: Option<&str>) {
        let mut page = self.status.lock();
        let status = &mut page.status;
        match outcome {
            Outcome::Handled => status.handled_count += 1,
            Outcome::Duplicate => {
                status.handled_count += 1;
                status.duplicate_count += 1;
            }
            Outcome::Failed => status.failed_count += 1,
            Outcome::Buried => {
                status.failed_count += 1;
                status.dead_letter_count += 1;
            }
            Outcome::Dropped(_) => status.dropped_count += 1,
        }
        if let Some(error) = error {
            status.last_error = Some(error.to_owned());
        }
        counter!("pulse_bus_deliveries_total", "consumer" => status.consumer, "outcome" => outcome.label())
            .increment(1);
        if let Some(took) = took {
            histogram!("pulse_bus_handler_seconds", "consumer" => status.consumer).record(took);
        }
    }
}

/// How one delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Handled,
    Duplicate,
    Failed,
    Buried,
    Dropped(Dropped),
}

impl Outcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Duplicate => "duplicate",
            Self::Failed => "failed",
            Self::Buried => "dead_letter",
            Self::Dropped(dropped) => dropped.label(),
        }
    }
}

impl ConsumerStatus {
    fn export(&self) {
        let consumer = self.consumer;
        gauge!("pulse_bus_running_handlers", "consumer" => consumer).set(size(self.running_count));
        gauge!("pulse_bus_parked_events", "consumer" => consumer).set(size(self.parked_count));
        gauge!("pulse_bus_dead_letters", "consumer" => consumer).set(size(self.dead_letter_count));
        gauge!("pulse_bus_consumer_paused", "consumer" => consumer).set(size(u32::from(self.mode == Mode::Paused)));
        for outbox in &self.outboxes {
            gauge!("pulse_bus_lag_events", "consumer" => consumer, "context" => outbox.context).set(size(outbox.lag));
        }
    }
}

/// A count as a gauge takes it; exact up to 32 bits, which no bounded queue reaches.
fn size(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}
