//! The switch of a consumer: running, degraded or paused.

/// How a consumer works (TR-38). Kept in the database, so that it survives restarts and reaches every node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Everything is delivered.
    #[default]
    Running,
    /// Only what must be: events of lossy topics are dropped, and [`crate::Delivery::is_degraded`] tells the handler
    /// to leave out what it can.
    Degraded,
    /// Nothing is delivered, nothing is lost: the offset stands still.
    Paused,
}

impl Mode {
    /// The word for the database, metrics and operators.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Paused => "paused",
        }
    }

    /// The mode with this word; an unknown word of a newer version counts as running.
    pub(crate) fn from_word(word: &str) -> Self {
        [Self::Degraded, Self::Paused].into_iter().find(|mode| mode.as_str() == word).unwrap_or_default()
    }
}
