//! Strength of passwords, and the lockout after failed sign-in attempts.

use std::time::Duration;

use pulse_kernel::Timestamp;

/// Number of consecutive failed attempts after which password sign-in is locked.
pub const FREE_ATTEMPTS: i64 = 5;
/// Duration of the first lockout; each further failed attempt doubles it.
const LOCKOUT_FIRST: Duration = Duration::from_secs(30);
/// Maximum duration of a lockout.
const LOCKOUT_MAX: Duration = Duration::from_secs(3_600);

/// Whether the password is among the first that an attacker tries: fewer than five different characters, a run of the
/// keyboard or the alphabet, a common password, or the address itself.
#[must_use]
pub fn is_weak(password: &str, email: &str) -> bool {
    let lower = password.to_lowercase();
    let distinct: std::collections::BTreeSet<char> = lower.chars().collect();
    let local_part = email.split('@').next().unwrap_or_default().to_lowercase();
    let letters: String = lower.chars().filter(|character| character.is_alphanumeric()).collect();
    distinct.len() < 5
        || COMMON
            .iter()
            .any(|common| letters == *common || letters.trim_matches(|c: char| c.is_ascii_digit()) == *common)
        || RUNS.iter().any(|run| run.contains(letters.as_str()))
        || (local_part.len() >= 4 && letters.contains(&local_part) && letters.len() < local_part.len() + 4)
}

const COMMON: [&str; 12] = [
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

/// Time after the last failed attempt from which the count starts again.
pub const RESET_AFTER: Duration = Duration::from_secs(86_400);

/// Consecutive failed attempts to sign in with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedAttempts {
    /// Number of consecutive failed attempts, at least 1.
    pub failure_count: i64,
    /// Time of the last failed attempt.
    pub failed_at: Timestamp,
    /// Time until which password sign-in is locked; the epoch when it is not locked.
    pub locked_until: Timestamp,
}

impl FailedAttempts {
    /// The attempts after one more that failed at `now`.
    #[must_use]
    pub fn after_failure(read: Option<Self>, now: Timestamp) -> Self {
        let recent = read.filter(|read| now < read.failed_at.plus(RESET_AFTER));
        let failure_count = recent.map_or(0, |recent| recent.failure_count) + 1;
        let locked_until = lockout(failure_count).map_or(Timestamp::EPOCH, |lockout| now.plus(lockout));
        Self { failure_count, failed_at: now, locked_until }
    }
}

/// The duration of the lockout after this number of failed attempts; `None` when there is none.
fn lockout(failure_count: i64) -> Option<Duration> {
    let doublings = u32::try_from(failure_count - FREE_ATTEMPTS).ok()?;
    let lockout = LOCKOUT_FIRST.saturating_mul(1_u32.checked_shl(doublings.min(16)).unwrap_or(u32::MAX));
    Some(lockout.min(LOCKOUT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_are_weak() {
        for weak in ["aaaaaaaaaaaa", "1234567890", "Password123", "qwertyuiop", "abcdefghijkl", "mary.smith1"] {
            assert!(is_weak(weak, "marysmith@example.org"), "{weak}");
        }
        for strong in ["correct horse battery", "tr0ub4dor&3x", "中文密码也可以的吧好"] {
            assert!(!is_weak(strong, "marysmith@example.org"), "{strong}");
        }
    }

    #[test]
    fn lockouts_double_up_to_an_hour() {
        for (failure_count, expected) in
            [(4, None), (5, Some(LOCKOUT_FIRST)), (6, Some(LOCKOUT_FIRST * 2)), (5_000, Some(LOCKOUT_MAX))]
        {
            assert_eq!(lockout(failure_count), expected, "{failure_count}");
        }
        let now = Timestamp::from_millis(1_000_000);
        let fourth = FailedAttempts { failure_count: 4, failed_at: now, locked_until: Timestamp::EPOCH };
        assert_eq!(FailedAttempts::after_failure(None, now).locked_until, Timestamp::EPOCH);
        assert_eq!(FailedAttempts::after_failure(Some(fourth), now).locked_until, now.plus(LOCKOUT_FIRST));
    }

    #[test]
    fn the_count_starts_again_a_day_after_the_last_failure() {
        let now = Timestamp::from_millis(1_000_000);
        let first = FailedAttempts::after_failure(None, now);
        assert_eq!(FailedAttempts::after_failure(Some(first), now).failure_count, 2);
        assert_eq!(FailedAttempts::after_failure(Some(first), now.plus(RESET_AFTER)).failure_count, 1);
    }
}
