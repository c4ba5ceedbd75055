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

pulse_testkit::on_every_engine! {
    batcher: [
        fifty_repeats_of_a_key_move_once,
        fifty_units_are_reserved_by_fifty_of_two_hundred,
        two_batchers_on_one_database_never_oversell,
        more_than_may_wait_are_refused,
        what_everybody_wants_leaves_room_for_the_rest,
        a_command_whose_time_is_over_moves_nothing,
        an_idempotency_key_keeps_its_answer,
        replenishing_while_selling_keeps_every_unit,
        parallel_work_of_all_kinds_leaves_a_clean_ledger,
        crossing_lines_of_two_batchers_end,
    ],
    events: [
        an_item_that_is_out_is_not_sold_until_it_is_back,
        old_news_change_nothing,
        a_cancelled_order_gives_back_once,
        falling_to_the_warning_line_is_told_once_per_fall,
        units_that_are_back_are_told,
    ],
    expiry: [
        what_nobody_confirms_expires_once,
        a_confirmed_reservation_does_not_expire,
        reservations_and_their_expiry_outlive_a_restart,
        an_expired_reservation_is_taken_anew_when_there_is_enough,
        after_all_have_expired_every_unit_can_be_sold,
    ],
    journal: [
        every_movement_is_in_the_journal,
        the_past_is_told_as_it_was,
        why_names_who_holds_the_units,
        a_wrong_quantity_is_found_and_repaired,
        what_is_reserved_for_nobody_is_found_and_repaired,
        a_gap_in_the_journal_is_found,
        a_reservation_without_its_timer_is_found,
    ],
    many: [
        sixty_units_go_to_the_first_sixty_of_a_batch,
        each_of_a_batch_is_for_itself,
        a_repeated_batch_moves_once,
        a_key_with_other_lines_is_told_and_named,
        a_batch_may_be_larger_than_a_commit,
        a_batch_keeps_its_answer_under_an_idempotency_key,
        a_bad_batch_moves_nothing,
    ],
    movements: [
        stock_belongs_to_a_variant_of_the_shop,
        quantities_come_and_go,
        what_cannot_be_is_refused,
        a_transfer_moves_both_or_none,
        lists_page_and_know_what_is_low,
        one_shop_does_not_see_anothers_stock,
        rules_change_and_quantities_stay,
        staff_work_over_http,
    ],
    reservations: [
        a_short_line_reserves_nothing_and_is_named,
        lines_of_one_resource_count_together,
        a_key_answers_what_it_answered,
        the_last_unit_is_reserved_once,
        confirmed_units_leave_and_come_back_once,
        released_before_it_was_reserved_is_never_reserved,
        what_is_deducted_at_payment_is_taken_by_who_pays,
        overselling_is_a_choice,
        what_nobody_counts_is_always_enough,
        unknown_keys_are_told,
    ],
}
