//! Behaviour of the order context on all engines: use cases through the clients, on a real database.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot continue fails its test")]

mod archive;
mod carts;
mod events;
mod hot;
mod inputs;
mod lists;
mod moves;
mod payments;
mod placing;
mod quotes;
mod sales;
mod shop_fixtures;
mod storage;
mod vouchers;

use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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
