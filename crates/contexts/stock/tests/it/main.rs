//! Behaviour of the stock context on each database: use cases through the clients.

#![expect(clippy::unwrap_used, reason = "an unexpected error fails the test")]

mod batcher;
mod events;
mod expiry;
mod journal;
mod many;
mod movements;
mod reservations;
mod stock_fixture;

use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The code of an error, or `ok`.
fn code<T>(outcome: &Result<T, pulse_kernel::Error>) -> &'static str {
    outcome.as_ref().err().map_or("ok", pulse_kernel::Error::code)
}

/// Counts each word, sorted.
fn tally<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts = BTreeMap::new();
    words.into_iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    counts.into_iter().collect()
}

pulse_testkit::behaviours!("&mut TestNode", pulse_testkit::run, "");
