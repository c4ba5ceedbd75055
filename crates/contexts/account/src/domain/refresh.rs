//! Rotating refresh tokens: each works once, and the reuse of an old one ends the session (RFC 9700, section 4.14.2).
//!
//! A token contains its session and generation under a keyed hash. The database stores the newest generation only, so no
//! token can be derived from it.

use std::time::Duration;

use pulse_kernel::{Timestamp, define_id};

define_id!(
    /// Identifies a session.
    SessionId, "ses"
);

/// Lifetime of a session after its last refresh.
pub const SESSION_TTL: Duration = Duration::from_secs(30 * 86_400);
/// Time for which the row of an expired session is kept. Nodes read ended sessions as long as an access token can live;
/// a day is much longer, also with clocks that differ.
pub const EXPIRED_KEPT: Duration = Duration::from_secs(86_400);

/// State of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// Newest generation; the only valid one.
    pub generation: i64,
    /// Time at which the session expires.
    pub expires_at: Timestamp,
    /// Whether the session was ended.
    pub has_ended: bool,
}

/// Result of presenting a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// The token is the newest; this is the next generation.
    Rotate(i64),
    /// The token was used before, so a copy of it exists. The session ends.
    Reused,
    /// The session has ended or expired.
    Over,
}

/// Decides about a token with a valid keyed hash.
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
