//! Refresh tokens that rotate: each works once, and using an old one ends the whole family.
//!
//! A token says which session it belongs to and which generation it is, under a keyed hash. The database keeps only
//! the newest generation, so it holds nothing that could be used as a token. After RFC 9700, section 4.14.2.

use std::time::Duration;

use pulse_kernel::Timestamp;

/// How long a session lives without being refreshed.
pub const SESSION_TTL: Duration = Duration::from_secs(30 * 86_400);
/// How long the row of an expired session is kept. Its refresh token is refused with or without the row, but nodes read
/// which sessions have ended for as long as an access token may live. A day is far longer than that, and than clocks
/// of nodes differ.
pub const EXPIRED_KEPT: Duration = Duration::from_secs(86_400);

/// A session as its row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// The newest generation; the only one that works.
    pub generation: i64,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether it has ended already.
    pub has_ended: bool,
}

/// What presenting a token of some generation comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// The token was the newest; this is the next generation.
    Rotate(i64),
    /// The token was used before: somebody has a copy. The session ends.
    Reused,
    /// The session has ended or expired.
    Over,
}

/// Decides about a token whose keyed hash was right.
#[must_use]
pub fn present(state: SessionState, generation: i64, now: Timestamp) -> Presented {
    if state.has_ended || now >= state.expires_at {
        return Presented::Over;
    }
    if generation == state.generation { Presented::Rotate(generation + 1) } else { Presented::Reused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_works_once() {
        let now = Timestamp::from_millis(1_000);
        let live = SessionState { generation: 3, expires_at: now.plus(SESSION_TTL), has_ended: false };
        for (state, generation, at, expected) in [
            (live, 3, now, Presented::Rotate(4)),
            (live, 2, now, Presented::Reused),
            (live, 4, now, Presented::Reused),
            (live, 3, live.expires_at, Presented::Over),
            (SessionState { has_ended: true, ..live }, 2, now, Presented::Over),
        ] {
            assert_eq!(present(state, generation, at), expected, "{state:?} {generation}");
        }
    }
}
