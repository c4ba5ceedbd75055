//! One-time codes: how often one is sent, how often one may be tried.

use std::time::Duration;

use pulse_kernel::Timestamp;

/// How long a code works.
pub const TTL: Duration = Duration::from_secs(300);
/// The pause between two codes to one destination.
pub const PAUSE: Duration = Duration::from_secs(60);
/// How many codes one destination gets per [`WINDOW`].
pub const SENT_MAX: i64 = 5;
/// The span in which codes are counted.
pub const WINDOW: Duration = Duration::from_secs(3_600);
/// How often one code may be tried: with [`SENT_MAX`] that is 25 guesses an hour at a million codes.
pub const TRIES_MAX: i64 = 5;

/// What is known of the codes of one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeState {
    /// Keyed hash of the code that works; empty when none does.
    pub code_mac: String,
    /// Until when it works.
    pub expires_at: Timestamp,
    /// How often it may still be tried.
    pub tries_left: i64,
    /// When the next one may be asked for.
    pub next_at: Timestamp,
    /// When the span in which codes are counted began.
    pub window_started_at: Timestamp,
    /// How many were sent in it.
    pub sent_count: i64,
}

/// The state after sending a code whose keyed hash is `code_mac`.
///
/// # Errors
/// The time to wait, when there were too many or the last one is too fresh.
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

/// What trying a code came to. Either way the state has changed and must be written before anybody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It was the code; it does not work a second time.
    Right(CodeState),
    /// It was not, or it is too old, or it was tried too often.
    Wrong(CodeState),
}

/// Tries a code. `is_equal` compares keyed hashes in constant time.
#[must_use]
pub fn attempt(state: &CodeState, is_equal: impl FnOnce(&str) -> bool, now: Timestamp) -> Tried {
    let spent = CodeState { code_mac: String::new(), tries_left: 0, ..state.clone() };
    if state.code_mac.is_empty() || state.tries_left <= 0 || now >= state.expires_at {
        return Tried::Wrong(spent);
    }
    if is_equal(&state.code_mac) {
        return Tried::Right(spent);
    }
    Tried::Wrong(CodeState { tries_left: state.tries_left - 1, ..state.clone() })
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
    fn a_code_works_once_and_not_for_ever() {
        let Tried::Right(after) = attempt(&sent(), is("right"), NOW) else { panic!("the code was right") };
        assert!(matches!(attempt(&after, is("right"), NOW), Tried::Wrong(_)));
        assert!(matches!(attempt(&sent(), is("right"), NOW.plus(TTL)), Tried::Wrong(_)));
    }

    #[test]
    fn the_sixth_try_is_too_many_even_when_it_is_right() {
        let mut state = sent();
        for _ in 0..TRIES_MAX {
            let Tried::Wrong(next) = attempt(&state, is("wrong"), NOW) else { panic!("the code was wrong") };
            state = next;
        }
        assert!(matches!(attempt(&state, is("right"), NOW), Tried::Wrong(_)));
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
