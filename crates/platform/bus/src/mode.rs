//! The mode of a consumer: running, degraded or paused.

/// Mode of a consumer (TR-38). It is stored in the database, so it survives restarts and applies to every node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// All events are delivered.
    #[default]
    Running,
    /// Events of lossy topics are dropped, and [`crate::Delivery::is_degraded`] asks handlers to skip optional work.
    Degraded,
    /// No event is delivered and none is lost; the offset does not move.
    Paused,
}

impl Mode {
    /// Name of the mode in the database, in metrics and for operators.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Paused => "paused",
        }
    }

    /// The mode with this name. An unknown name, of a newer version, counts as running.
    pub(crate) fn from_word(word: &str) -> Self {
        [Self::Degraded, Self::Paused].into_iter().find(|mode| mode.as_str() == word).unwrap_or_default()
    }
}
