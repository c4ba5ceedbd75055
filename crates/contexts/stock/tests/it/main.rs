//! What the stock context promises, on every engine: use cases through the clients, on a real database.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot go on fails its test")]

mod batcher;
mod events;
mod expiry;
mod journal;
mod many;
mod movements;
mod reservations;
mod shelf;

use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The code of an error, or `ok`.
fn code<T>(outcome: &Result<T, pulse_kernel::Error>) -> &'static str {
    outcome.as_ref().err().map_or("ok", pulse_kernel::Error::code)
}

/// How often each word is there, sorted.
fn tally<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts = BTreeMap::new();
    words.into_iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    counts.into_iter().collect()
}

pulse_testkit::behaviours!("&mut TestNode", pulse_testkit::run, "");
