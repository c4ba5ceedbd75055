//! Which passwords are too easy, and when guessing has to rest.

use std::time::Duration;

use pulse_kernel::Timestamp;

/// How many wrong guesses in a row are free.
pub const FREE_FAILURES: i64 = 5;
/// The first rest; it doubles with each further wrong guess.
const REST_FIRST: Duration = Duration::from_secs(30);
/// The longest rest.
const REST_MAX: Duration = Duration::from_secs(3_600);

/// Whether the password falls to the first guesses of anybody: few different characters, a run along the keyboard or
/// the alphabet, one of the usual ones, or the address itself.
#[must_use]
pub fn is_weak(password: &str, email: &str) -> bool {
    let lower = password.to_lowercase();
    let distinct: std::collections::BTreeSet<char> = lower.chars().collect();
    let local_part = email.split('@').next().unwrap_or_default().to_lowercase();
    let letters: String = lower.chars().filter(|character| character.is_alphanumeric()).collect();
    distinct.len() < 5
        || USUAL.iter().any(|usual| letters == *usual || letters.trim_matches(|c: char| c.is_ascii_digit()) == *usual)
        || RUNS.iter().any(|run| run.contains(letters.as_str()))
        || (local_part.len() >= 4 && letters.contains(&local_part) && letters.len() < local_part.len() + 4)
}

const USUAL: [&str; 12] = [
    "password",
    "passwort",
    "qwertyuiop",
    "letmein",
    "iloveyou",
    "welcome",
    "administrator",
    "changeme",
    "football",
    "superman",
    "woaini",
    "passw0rd",
];
const RUNS: [&str; 4] =
    ["abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba", "01234567890123456789", "qwertyuiopasdfghjklzxcvbnm"];

/// Wrong guesses are forgotten after so long without another one.
pub const FORGET_AFTER: Duration = Duration::from_secs(86_400);

/// The wrong guesses at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guesses {
    /// How many in a row.
    pub failure_count: i64,
    /// When the last one was.
    pub failed_at: Timestamp,
    /// Until when no password is looked at.
    pub locked_until: Timestamp,
}

/// The guesses after one more wrong one.
#[must_use]
pub fn fail(read: Option<Guesses>, now: Timestamp) -> Guesses {
    let recent = read.filter(|read| now < read.failed_at.plus(FORGET_AFTER));
    let failure_count = recent.map_or(0, |recent| recent.failure_count) + 1;
    Guesses { failure_count, failed_at: now, locked_until: locked_until(failure_count, now) }
}

fn locked_until(failure_count: i64, now: Timestamp) -> Timestamp {
    let Ok(doublings) = u32::try_from(failure_count - FREE_FAILURES) else { return Timestamp::EPOCH };
    let rest = REST_FIRST.saturating_mul(1_u32.checked_shl(doublings.min(16)).unwrap_or(u32::MAX));
    now.plus(rest.min(REST_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_everybody_tries_first() {
        for weak in ["aaaaaaaaaaaa", "1234567890", "Password123", "qwertyuiop", "abcdefghijkl", "mary.smith1"] {
            assert!(is_weak(weak, "marysmith@example.org"), "{weak}");
        }
        for strong in ["correct horse battery", "tr0ub4dor&3x", "中文密码也可以的吧好"] {
            assert!(!is_weak(strong, "marysmith@example.org"), "{strong}");
        }
    }

    #[test]
    fn rests_double_up_to_an_hour() {
        let now = Timestamp::from_millis(1_000_000);
        assert_eq!(locked_until(4, now), Timestamp::EPOCH);
        assert_eq!(locked_until(5, now).since(now), REST_FIRST);
        assert_eq!(locked_until(6, now).since(now), REST_FIRST * 2);
        assert_eq!(locked_until(5_000, now).since(now), REST_MAX);
    }

    #[test]
    fn a_day_without_a_wrong_guess_forgets_the_others() {
        let now = Timestamp::from_millis(1_000_000);
        let first = fail(None, now);
        assert_eq!(fail(Some(first), now).failure_count, 2);
        assert_eq!(fail(Some(first), now.plus(FORGET_AFTER)).failure_count, 1);
    }
}
