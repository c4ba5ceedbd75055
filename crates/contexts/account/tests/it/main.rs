//! What the account context promises, on every engine: use cases through the clients, on a real database.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot go on fails its test")]

mod alone;
mod check_ins;
mod codes;
mod follows;
mod idempotency;
mod passwords;
mod profile;
mod roles;
mod search;
mod sessions;

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
    check_ins: [
        days_are_bits_and_streaks_cross_months,
        a_day_begins_where_the_person_lives,
        parallel_check_ins_are_one,
        a_streak_is_counted_to_its_limit,
    ],
    codes: [
        a_code_signs_up_and_then_in,
        a_new_account_has_a_neutral_name,
        a_code_works_once_and_for_its_phone,
        a_code_gets_too_old,
        a_code_can_be_tried_five_times,
        codes_are_sent_a_minute_apart_and_five_an_hour,
        a_code_that_is_used_in_parallel_makes_one_session,
        codes_that_are_asked_for_in_parallel_are_sent_once,
        the_answer_is_the_same_with_and_without_an_account,
        a_code_outlives_a_restart,
    ],
    follows: [
        following_twice_is_following_once,
        nobody_follows_themselves_or_nobody,
        a_hundred_parallel_follows_count_once,
        crossing_follows_both_happen,
        both_sides_stay_equal_whatever_people_do,
        lists_page_without_repeat_or_skip,
        follows_of_one_instant_have_an_order,
    ],
    idempotency: [
        a_repeated_key_replays_the_answer,
        a_replayed_sign_in_is_the_same_session,
        a_replayed_refresh_does_not_end_the_session,
        a_key_is_not_used_for_two_bodies,
        keys_of_different_callers_never_meet,
        parallel_uses_of_a_key_happen_once,
        refusals_are_not_replayed,
        after_a_day_a_key_works_anew,
        keys_over_http_are_a_header,
    ],
    passwords: [
        an_address_and_a_password_sign_in,
        weak_passwords_and_wrong_codes_are_refused,
        who_owns_the_mailbox_may_choose_a_new_password,
        a_new_password_ends_every_session_and_forgives_guesses,
        an_old_password_opens_no_session_that_outlives_a_new_one,
        wrong_passwords_and_unknown_addresses_look_the_same,
        guessing_makes_the_account_rest,
        guesses_in_parallel_are_counted,
        no_more_guesses_in_parallel_are_looked_at_than_are_free,
        right_passwords_in_parallel_are_all_right,
        a_sign_in_that_was_too_busy_is_no_guess,
        too_many_passwords_at_once_are_refused,
    ],
    profile: [
        a_profile_changes_field_by_field,
        time_zones_are_those_of_iana,
        parallel_changes_of_different_fields_are_all_kept,
        unknown_accounts_are_not_found,
    ],
    roles: [
        roles_come_and_go,
        parallel_grants_are_all_kept,
        staff_of_as_many_shops_as_one_may_has_a_token_that_works,
        grants_in_parallel_keep_the_limit_of_shops,
        an_approved_shop_beyond_the_limit_holds_nothing_up,
        staff_of_one_shop_is_nobody_in_another,
        operators_only_means_operators_only,
    ],
    search: [
        any_digits_in_a_row_find_what_brute_force_finds,
        searches_without_enough_digits_are_refused,
    ],
    sessions: [
        refresh_tokens_rotate,
        a_second_use_ends_the_session,
        endings_outlive_a_restart,
        one_of_fifty_parallel_refreshes_wins_and_the_session_ends,
        sessions_and_tokens_get_too_old,
        broken_refresh_tokens_are_refused,
        signing_out_ends_one_session_or_all,
    ],
}

alone::on_every_store! {
    follows: [
        follows_in_parallel_keep_the_limit,
    ],
    sessions: [
        signing_out_finds_the_own_session_among_any_number,
        signing_out_everywhere_ends_any_number_of_sessions,
        a_new_password_ends_any_number_of_sessions,
        sessions_that_are_long_over_are_swept,
    ],
}
