//! What the whole node promises at its edge: bad input is refused the same way everywhere, and REST and gRPC are two
//! ways to the same answer; and what it does over REST from end to end.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot go on fails its test")]

mod bad_input;
mod codes;
mod faults;
mod operations;
mod traps;
mod two_ways;
mod vouchers;

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pulse_testkit::behaviours!("&mut TestNode", pulse_testkit::run, "");
