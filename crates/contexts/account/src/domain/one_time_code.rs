//! One-time codes: limits of sending and of attempts.

use std::time::Duration;

use pulse_kernel::Timestamp;

/// Lifetime of a code.
pub const TTL: Duration = Duration::from_secs(300);
/// Minimum time between two codes to one destination.
pub const PAUSE: Duration = Duration::from_secs(60);
/// Maximum number of codes to one destination per [`WINDOW`].
pub const SENT_MAX: i64 = 5;
/// Time span in which codes are counted.
pub const WINDOW: Duration = Duration::from_secs(3_600);
/// Maximum number of attempts per code. With [`SENT_MAX`] that is 25 guesses per hour at one of a million codes.
pub const TRIES_MAX: i64 = 5;

/// State of the codes of one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeState {
    /// Keyed hash of the valid code; empty when no code is valid.
    pub code_mac: String,
    /// Time at which the code expires.
    pub expires_at: Timestamp,
    /// Number of attempts that are left.
    pub tries_left: i64,
    /// Earliest time for the next code.
    pub next_at: Timestamp,
    /// Start of the time span in which codes are counted.
    pub window_started_at: Timestamp,
    /// Number of codes that were sent in this time span.
    pub sent_count: i64,
}

/// The state after a code with the keyed hash `code_mac` was sent.
///
/// # Errors
/// The time until the next code is allowed.
pub fn issue(state: Option<&CodeState>, code_mac: String, now: Timestamp) -> Result<CodeState, Duration> {
    let (window_started_at, sent_count) = match state {
        Some(state) if now < state.next_at => return Err(state.next_at.since(now)),
        Some(state) if now < state.window_started_at.plus(WINDOW) => (state.window_started_at, state.sent_count),
        Some(_) | None => (now, 0),
    };
    if sent_count >= SENT_MAX {
        return Err(window_started_at.plus(WINDOW).since(now));
    }
    Ok(CodeState {
        code_mac,
        expires_at: now.plus(TTL),
        tries_left: TRIES_MAX,
        next_at: now.plus(PAUSE),
        window_started_at,
        sent_count: sent_count + 1,
    })
}

/// Result of an attempt. The new state must be committed before the caller gets the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The code was right; it is not valid a second time.
    Right(CodeState),
    /// The code was wrong or expired, or had no attempts left.
    Wrong(CodeState),
}

/// Checks a code. `is_equal` compares keyed hashes in constant time.
#[must_use]
pub fn attempt(state: &CodeState, is_equal: impl FnOnce(&str) -> bool, now: Timestamp) -> Attempt {
    let spent = CodeState { code_mac: String::new(), tries_left: 0, ..state.clone() };
    if state.code_mac.is_empty() || state.tries_left <= 0 || now >= state.expires_at {
        return Attempt::Wrong(spent);
    }
    if is_equal(&state.code_mac) {
        return Attempt::Right(spent);
    }
    Attempt::Wrong(CodeState { tries_left: state.tries_left - 1, ..state.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(10_000_000);

    fn sent() -> CodeState {
        issue(None, "right".into(), NOW).unwrap()
    }

    fn is(code: &'static str) -> impl FnOnce(&str) -> bool {
        move |expected| expected == code
    }

    #[test]
    fn a_code_works_once_and_expires() {
        let Attempt::Right(after) = attempt(&sent(), is("right"), NOW) else { panic!("the code was right") };
        assert!(matches!(attempt(&after, is("right"), NOW), Attempt::Wrong(_)));
        assert!(matches!(attempt(&sent(), is("right"), NOW.plus(TTL)), Attempt::Wrong(_)));
    }

    #[test]
    fn the_sixth_attempt_fails_with_the_right_code() {
        let mut state = sent();
        for _ in 0..TRIES_MAX {
            let Attempt::Wrong(next) = attempt(&state, is("wrong"), NOW) else { panic!("the code was wrong") };
            state = next;
        }
        assert!(matches!(attempt(&state, is("right"), NOW), Attempt::Wrong(_)));
    }

    #[test]
    fn codes_come_a_minute_apart_and_five_an_hour() {
        let mut state = sent();
        assert_eq!(issue(Some(&state), "again".into(), NOW.plus(Duration::from_secs(59))), Err(Duration::from_secs(1)));
        for minute in 1..5 {
            state = issue(Some(&state), "again".into(), NOW.plus(PAUSE * minute)).unwrap();
        }
        assert_eq!(issue(Some(&state), "again".into(), NOW.plus(PAUSE * 5)), Err(Duration::from_secs(3_300)));
        assert_eq!(issue(Some(&state), "again".into(), NOW.plus(WINDOW)).map(|state| state.sent_count), Ok(1));
    }
}
