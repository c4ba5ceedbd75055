//! Topics: the context of an event, and its durability class.

use std::collections::BTreeMap;
use std::time::Duration;

use pulse_kernel::Timestamp;

use crate::mode::Mode;

/// Durability class of a topic (DL-08, T21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// No event is lost: it is delivered, or becomes a dead letter. The default.
    #[default]
    Kept,
    /// An event is dropped, and counted, once it is older than this.
    Expires(Duration),
    /// For tracking and logs: an event is dropped, and counted, when its first attempt fails or the consumer is degraded.
    Lossy,
}

/// Reason why an event was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// It was older than its topic allows.
    Expired,
    /// Its topic is lossy, and its handler failed.
    Failed,
    /// Its topic is lossy, and the consumer is degraded.
    Degraded,
}

impl Dropped {
    /// Label in metrics.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Failed => "lossy_failed",
            Self::Degraded => "degraded",
        }
    }
}

impl Durability {
    /// The reason to drop an event of this class before its handler runs, if any.
    pub(crate) fn drop_before(self, created_at: Timestamp, now: Timestamp, mode: Mode) -> Option<Dropped> {
        match self {
            Self::Expires(within) if now.since(created_at) > within => Some(Dropped::Expired),
            Self::Lossy if mode == Mode::Degraded => Some(Dropped::Degraded),
            Self::Kept | Self::Expires(_) | Self::Lossy => None,
        }
    }
}

/// Durability classes by topic.
pub(crate) type Classes = BTreeMap<&'static str, Durability>;

/// Context of a topic: `order` for `pulse.order.v1.OrderPaid`.
///
/// # Panics
/// If the topic does not begin with `pulse.<context>.`. Topics are generated, so that is a defect.
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

    /// T21, DL-08: events are dropped by their class.
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
