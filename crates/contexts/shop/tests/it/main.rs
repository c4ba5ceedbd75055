//! Behaviour of the shop context on all engines: use cases through the clients, on a real database.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot continue fails its test")]

mod categories;
mod changes;
mod imports;
mod nearby;
mod products;
mod reviews;
mod suppliers;

use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The code of an error, or `ok`.
fn code<T>(outcome: &Result<T, pulse_kernel::Error>) -> &'static str {
    outcome.as_ref().err().map_or("ok", pulse_kernel::Error::code)
}

/// Number of occurrences of each word, sorted.
fn tally<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts = BTreeMap::new();
    words.into_iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    counts.into_iter().collect()
}

pulse_testkit::behaviours!("&mut TestNode", pulse_testkit::run, "");
