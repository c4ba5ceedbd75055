//! Topics: which context an event comes from, and what may happen to it when it cannot be delivered in time.

use std::collections::BTreeMap;
use std::time::Duration;

use pulse_kernel::Timestamp;

use crate::mode::Mode;

/// What a topic promises about its events (T21, DL-08).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is lost: delivered, or kept as a dead letter. The default.
    #[default]
    Kept,
    /// Better one too few than one too late: dropped and counted once it is older than this.
    Expires(Duration),
    /// Tracking and logs: tried once, dropped and counted when that fails or when the consumer is degraded.
    Lossy,
}

/// Why an event was dropped instead of delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// It was too old for its topic.
    Expired,
    /// Its topic may be lost, and it failed.
    Failed,
    /// Its topic may be lost, and the consumer is degraded.
    Degraded,
}

impl Dropped {
    /// The word for metrics.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Failed => "lossy_failed",
            Self::Degraded => "degraded",
        }
    }
}

impl Durability {
    /// Whether an event of this class is dropped before it is tried.
    pub(crate) fn drop_before(self, created_at: Timestamp, now: Timestamp, mode: Mode) -> Option<Dropped> {
        match self {
            Self::Expires(within) if now.since(created_at) > within => Some(Dropped::Expired),
            Self::Lossy if mode == Mode::Degraded => Some(Dropped::Degraded),
            Self::Kept | Self::Expires(_) | Self::Lossy => None,
        }
    }
}

/// The classes of all topics that declared one.
pub(crate) type Classes = BTreeMap<&'static str, Durability>;

/// The context that a topic belongs to: `pulse.order.v1.OrderPaid` is of `order`.
///
/// # Panics
/// If the topic does not begin with `pulse.<context>.`: topics are generated, so this is a defect.
pub(crate) fn context_of(topic: &'static str) -> &'static str {
    let mut parts = topic.split('.');
    match (parts.next(), parts.next()) {
        (Some("pulse"), Some(context)) if !context.is_empty() => context,
        (_, _) => panic!("{topic:?} is not a topic of the form pulse.<context>.<version>.<Event>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_names_its_context() {
        assert_eq!(context_of("pulse.order.v1.OrderPaid"), "order");
    }

    /// T21, DL-08: who is dropped when, by class.
    #[test]
    fn the_class_decides_what_may_be_dropped() {
        let created = Timestamp::from_millis(1_000);
        let after = |ms| created.plus(Duration::from_millis(ms));
        let expires = Durability::Expires(Duration::from_millis(10));
        for (class, now, mode, expected) in [
            (Durability::Kept, after(1_000_000), Mode::Degraded, None),
            (expires, after(10), Mode::Degraded, None),
            (expires, after(11), Mode::Running, Some(Dropped::Expired)),
            (Durability::Lossy, after(1_000_000), Mode::Running, None),
            (Durability::Lossy, after(0), Mode::Degraded, Some(Dropped::Degraded)),
        ] {
            assert_eq!(class.drop_before(created, now, mode), expected, "{class:?} {now} {mode:?}");
        }
    }
}
