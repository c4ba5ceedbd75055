//! Status of consumers, for operators, metrics and tests.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::mode::Mode;
use crate::topic::Dropped;

/// Status of a consumer in this process (TR-38).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// Name of the consumer.
    pub consumer: &'static str,
    /// Whether this process delivers to it. Otherwise another node may. The counts are those of this process.
    pub is_active: bool,
    /// Mode that operators set.
    pub mode: Mode,
    /// Number of running handlers.
    pub running_count: usize,
    /// Number of open events: read and not settled.
    pub open_count: usize,
    /// Number of blocked events: failed, or behind a failed event of the same key.
    pub blocked_count: usize,
    /// Number of dead letters.
    pub dead_letter_count: u64,
    /// Number of successful deliveries since the start, duplicates included.
    pub handled_count: u64,
    /// Number of successful deliveries that the inbox recognized as duplicates.
    pub duplicate_count: u64,
    /// Number of failed deliveries since the start.
    pub failed_count: u64,
    /// Number of events that were dropped since the start, as their topic allows.
    pub dropped_count: u64,
    /// Last error, for operators.
    pub last_error: Option<String>,
    /// Progress in each outbox.
    pub outboxes: Vec<OutboxStatus>,
}

/// Progress of a consumer in the outbox of one context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxStatus {
    /// Context of the outbox.
    pub context: &'static str,
    /// Offset: every event up to here is settled or blocked.
    pub offset: i64,
    /// Last known position of the outbox.
    pub head: i64,
    /// Distance of the offset from the head, events of other topics included.
    pub lag: i64,
    /// Whether all events that this process has written were read.
    pub is_read: bool,
}

impl ConsumerStatus {
    /// Whether every event was handled or dropped, or is a dead letter.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.is_active
            && self.running_count + self.open_count + self.blocked_count == 0
            && self.outboxes.iter().all(|outbox| outbox.is_read && outbox.lag == 0)
    }
}

/// The current status of a consumer, which its worker writes and the bus reads.
#[derive(Debug)]
pub(crate) struct StatusBoard {
    current: Mutex<Current>,
    /// Notifies of progress of any consumer.
    progress: Arc<watch::Sender<()>>,
}

#[derive(Debug, Default)]
struct Current {
    status: ConsumerStatus,
    /// Per outbox, in the order of the status: value of the change counter up to which it was read to its end.
    read_versions: Vec<Option<u64>>,
}

impl StatusBoard {
    pub(crate) fn new(consumer: &'static str, progress: Arc<watch::Sender<()>>) -> Self {
        let status = ConsumerStatus { consumer, ..ConsumerStatus::default() };
        Self { current: Mutex::new(Current { status, read_versions: Vec::new() }), progress }
    }

    /// The status. `version_of` returns the current change counter of the store of a context.
    pub(crate) fn status(&self, version_of: impl Fn(&str) -> Option<u64>) -> ConsumerStatus {
        let current = self.current.lock();
        let mut status = current.status.clone();
        for (outbox, read) in status.outboxes.iter_mut().zip(&current.read_versions) {
            outbox.is_read = read.is_some() && *read == version_of(outbox.context);
        }
        status
    }

    /// Changes the status and notifies waiters when it differs.
    pub(crate) fn update(&self, change: impl FnOnce(&mut ConsumerStatus, &mut Vec<Option<u64>>)) {
        let is_changed = {
            let mut current = self.current.lock();
            let before = current.status.clone();
            let Current { status, read_versions } = &mut *current;
            change(status, read_versions);
            let is_changed = current.status != before;
            if is_changed {
                current.status.export();
            }
            is_changed
        };
        if is_changed {
            self.progress.send_replace(());
        }
    }

    /// Number of deliveries that ended, with any outcome.
    pub(crate) fn ended(&self) -> u64 {
        let current = self.current.lock();
        current.status.handled_count + current.status.failed_count + current.status.dropped_count
    }

    /// Counts the end of a delivery. `took` is the duration of the handler.
    pub(crate) fn count(&self, outcome: Outcome, took: Option<Duration>, error: Option<&str>) {
        let mut current = self.current.lock();
        let status = &mut current.status;
        match outcome {
            Outcome::Handled => status.handled_count += 1,
            Outcome::Duplicate => {
                status.handled_count += 1;
                status.duplicate_count += 1;
            }
            Outcome::Failed => status.failed_count += 1,
            Outcome::DeadLettered => {
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

/// Outcome of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Handled,
    Duplicate,
    Failed,
    DeadLettered,
    Dropped(Dropped),
}

impl Outcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Duplicate => "duplicate",
            Self::Failed => "failed",
            Self::DeadLettered => "dead_letter",
            Self::Dropped(dropped) => dropped.label(),
        }
    }
}

impl ConsumerStatus {
    fn export(&self) {
        let consumer = self.consumer;
        gauge!("pulse_bus_running_handlers", "consumer" => consumer).set(size(self.running_count));
        gauge!("pulse_bus_blocked_events", "consumer" => consumer).set(size(self.blocked_count));
        gauge!("pulse_bus_dead_letters", "consumer" => consumer).set(size(self.dead_letter_count));
        gauge!("pulse_bus_consumer_paused", "consumer" => consumer).set(size(u32::from(self.mode == Mode::Paused)));
        for outbox in &self.outboxes {
            gauge!("pulse_bus_lag_events", "consumer" => consumer, "context" => outbox.context).set(size(outbox.lag));
        }
    }
}

/// A count as the value of a gauge, capped at 32 bits, which bounded queues never reach.
fn size(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}
