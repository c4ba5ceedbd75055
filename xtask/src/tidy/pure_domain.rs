//! `src/domain` decides: it does not wait, read, write, look at a clock, or know how a message travels.

use super::{Finding, code, has_word};
use crate::repository::Repository;

/// A word that has no place in a domain, and what to do instead.
const BANNED: [(&str, &str); 17] = [
    ("async", "a decision is synchronous; load before it and commit after it"),
    ("await", "a decision is synchronous; load before it and commit after it"),
    ("tokio", "no runtime below a decision"),
    ("sqlx", "rows stay in store.rs"),
    ("rusqlite", "rows stay in store.rs"),
    ("pulse_store", "rows stay in store.rs"),
    ("pulse_bus", "return the event; the commit publishes it"),
    ("pulse_cache", "hand in the value, not the cache"),
    ("pulse_limiter", "hand in the decision of the limiter, not the limiter"),
    ("pulse_contract", "proto in and proto out is the work of api.rs"),
    ("prost", "proto in and proto out is the work of api.rs"),
    ("serde", "formats belong to api.rs and store.rs"),
    ("tracing", "return what happened; whoever handles it writes the log line"),
    ("metrics", "return what happened; whoever handles it counts it"),
    ("SystemTime", "take `now` as an argument"),
    ("Instant", "take `now` as an argument"),
    ("rand", "take the drawn value as an argument"),
];

/// Every line of every domain.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in repository.rust().filter(|file| is_domain(&file.path)) {
        for (number, line) in file.lines() {
            for (word, why) in BANNED {
                if has_word(code(line), word) {
                    findings.push(Finding::new(&file.path, number, format!("`{word}`: {why}")));
                }
            }
        }
    }
    findings
}

/// Whether the file belongs to the domain of a context.
pub(crate) fn is_domain(path: &str) -> bool {
    path.starts_with("crates/contexts/") && (path.contains("/src/domain/") || path.ends_with("/src/domain.rs"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::check;

    /// PL-56: a domain that waits, logs or looks at the clock is found; the same lines elsewhere are not.
    #[test]
    fn impure_lines_are_found() {
        let text = "//! Rules.\n\npub async fn f() {\n    let now = Instant::now(); // no clock\n}\n";
        let repository = planted(&[
            ("crates/contexts/shop/src/domain/hours.rs", text),
            ("crates/contexts/shop/src/domain.rs", "//! Rules, not asynchronous.\n"),
            ("crates/contexts/shop/src/store.rs", text),
        ]);
        let expected = ["crates/contexts/shop/src/domain/hours.rs:3", "crates/contexts/shop/src/domain/hours.rs:4"];
        assert_eq!(places(check, &repository), expected);
    }
}
