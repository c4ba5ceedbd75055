//! What the whole node promises at its edge: bad input is refused the same way everywhere, and REST and gRPC are two
//! ways to the same answer.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot go on fails its test")]

mod bad_input;
mod operations;
mod two_ways;

pulse_testkit::on_every_engine! {
    two_ways: [accounts_answer_the_same_both_ways, shops_answer_the_same_both_ways],
}
