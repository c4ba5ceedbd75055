//! What the payment context promises, on every engine: orders of the order context, paid through the sandbox.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot go on fails its test")]

mod books;
mod cancels;
mod fake_stripe;
mod localstripe;
mod pages;
mod paying;
mod reconcile;
mod refunds;
mod street;
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

/// How often each word is there, sorted.
fn tally<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    words.into_iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    counts.into_iter().collect()
}

pulse_testkit::on_every_engine! {
    books: [
        every_payment_is_in_the_books_and_they_sum_to_zero,
        pages_of_accounts_and_entries_neither_skip_nor_repeat,
        a_statement_is_of_a_day_of_the_shop,
        cash_is_booked_when_the_order_is_completed,
        damage_is_found_and_balances_are_mended,
    ],
    cancels: [
        a_cancelled_order_cannot_be_paid_any_more,
        an_order_that_was_never_tried_is_closed_too,
        a_success_after_the_cancellation_goes_back_once,
        an_order_that_nobody_pays_is_given_up_at_the_provider,
    ],
    pages: [
        a_customer_pays_on_the_page,
        a_declined_payment_is_tried_again_on_the_same_page,
        a_slow_payment_arrives_later,
        a_payment_that_is_told_twice_and_out_of_order_counts_once,
        pages_that_nobody_was_given_are_not_there,
    ],
    paying: [
        an_attempt_is_found_again_while_it_is_open,
        two_browsers_at_once_share_one_attempt,
        paying_in_two_tabs_with_two_attempts_gives_the_surplus_back,
        only_the_customer_pays_and_only_what_waits_for_it,
        a_repeated_key_gets_the_same_answer,
        a_crash_after_the_provider_was_asked_asks_for_the_same,
        twenty_attempts_are_enough,
    ],
    reconcile: [
        a_webhook_that_was_lost_is_made_up_for,
        what_only_one_side_knows_is_named,
        a_webhook_that_was_lost_is_made_up_for_by_itself,
        a_long_list_is_compared_a_part_at_a_time,
    ],
    refunds: [
        a_refund_goes_back_once,
        parts_go_back_until_nothing_is_left,
        a_crash_after_the_refund_was_asked_for_pays_back_once,
        a_refund_without_a_payment_fails,
        a_refund_that_comes_back_is_undone_once,
    ],
    webhooks: [
        one_event_counts_once_however_often_it_comes,
        one_event_in_parallel_counts_once,
        processing_creates_nothing,
        an_end_that_is_told_after_success_is_ignored,
        a_refund_that_is_told_before_its_success_waits_for_it,
        another_amount_is_not_a_payment,
        what_is_not_signed_by_us_is_refused,
        what_is_about_nothing_of_ours_is_taken_in_and_changes_nothing,
        what_cannot_be_written_down_is_not_accepted,
        over_http_it_is_accepted_after_its_commit,
        old_events_are_forgotten,
    ],
}
