//! What the order context promises, on every engine: use cases through the clients, on a real database.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot go on fails its test")]

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
mod storage;
mod street;
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

/// How often each word is there, sorted.
fn tally<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts = BTreeMap::new();
    words.into_iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    counts.into_iter().collect()
}

pulse_testkit::on_every_engine! {
    archive: [
        finished_orders_move_to_the_archive,
        archived_orders_can_be_paid_back,
        a_sweep_goes_page_by_page,
    ],
    carts: [
        a_cart_is_kept_per_shop,
        there_is_room_for_fifty_carts,
        a_cart_that_nobody_touches_is_forgotten,
        a_second_tab_finds_the_draft,
        a_draft_is_forgotten,
        a_draft_becomes_one_order,
    ],
    events: [
        no_event_contains_personal_data,
    ],
    inputs: [
        bad_orders_are_refused_with_their_codes,
        everything_that_is_wrong_is_said_at_once,
        a_changed_price_comes_with_the_new_quote,
    ],
    lists: [
        lists_follow_the_orders,
        the_caller_sees_what_the_list_does_not_know_yet,
        pages_neither_skip_nor_repeat,
        any_part_of_a_number_or_phone_finds_the_order,
        lists_are_rebuilt_from_the_orders,
        counts_follow_the_orders,
    ],
    moves: [
        an_order_goes_its_way,
        strangers_see_nothing,
        illegal_moves_name_the_allowed_ones,
        one_of_parallel_cancellations_wins,
        a_delivery_is_handed_over_and_arrives,
        an_order_is_cancelled_once_and_gives_back,
        late_news_of_the_kitchen_changes_nothing,
    ],
    payments: [
        a_payment_confirms_the_order_once,
        an_unpaid_order_expires_once,
        expiry_after_payment_is_ignored,
        a_late_payment_goes_back_once,
        what_cannot_be_supplied_is_paid_back,
        surplus_and_wrong_amounts_go_back,
        a_cancelled_order_is_paid_back_once,
        refunds_never_exceed_what_was_paid,
        refunds_are_taken_in,
        cash_is_secured_and_noted,
    ],
    placing: [
        an_order_keeps_what_was_agreed,
        fifty_of_two_hundred_get_the_fifty_units,
        a_key_places_one_order,
        a_failure_leaves_nothing,
        a_coupon_makes_it_cheaper_and_is_used_once,
        a_free_order_is_confirmed_at_once,
        what_is_deducted_at_payment_is_not_reserved,
    ],
    quotes: [
        a_quote_says_what_it_costs_and_why,
        a_quote_holds_nothing,
        a_quote_lists_every_problem,
    ],
    sales: [
        sixty_units_make_sixty_orders_of_a_hundred,
        who_is_too_late_moves_no_unit,
        a_repeated_batch_moves_nothing,
        a_batch_keeps_its_answer_under_an_idempotency_key,
        the_same_batch_at_the_same_time_places_each_order_once,
        a_batch_goes_on_after_a_crash,
        units_of_a_sale_come_back_to_it,
        an_order_of_a_sale_goes_the_way_of_any_order,
        a_voucher_of_a_sale_takes_no_place_in_the_customers_limit,
        an_order_of_a_sale_that_costs_nothing_is_confirmed_at_once,
        what_cannot_be_written_holds_nothing,
        a_bad_batch_moves_nothing,
    ],
    storage: [
        old_orders_stay_readable,
        a_clean_context_verifies,
        what_is_wrong_is_found_and_repaired,
    ],
    vouchers: [
        a_paid_voucher_is_a_coupon_once,
        vouchers_are_refused_when_they_cannot_be_bought,
        a_customer_buys_no_more_than_the_limit,
        a_voucher_that_is_paid_without_its_places_is_paid_back,
    ],
}
