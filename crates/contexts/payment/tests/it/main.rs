//! Behaviour of the payment context on all engines: orders of the order context, paid through the sandbox.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot continue fails its test")]

mod amounts;
mod cancels;
mod disputes;
mod fake_stripe;
mod ledger;
mod localstripe;
mod mismatches;
mod pages;
mod paying;
mod reconcile;
mod refunds;
mod shop_fixtures;
mod stripe;
mod webhooks;

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// The code of an error, or `ok`.
fn code<T>(outcome: &Result<T, pulse_kernel::Error>) -> &'static str {
    outcome.as_ref().err().map_or("ok", pulse_kernel::Error::code)
}

/// Number of occurrences of each word, sorted.
fn tally<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    words.into_iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    counts.into_iter().collect()
}

pulse_testkit::behaviours!("&mut TestNode", pulse_testkit::run, "");
