//! Behaviour of the favourite context on every engine: use cases through the client, on a real database.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot go on fails its test")]

mod marks;

pulse_testkit::on_every_engine! {
    marks: [
        a_mark_is_kept_once,
        a_removed_mark_is_gone_and_can_be_made_again,
        a_hundred_parallel_marks_count_once,
        an_account_has_a_limited_number_of_marks,
        lists_page_without_repeat_or_skip,
        strangers_see_and_remove_only_their_own_marks,
        subjects_that_the_caller_cannot_see_are_refused,
        shops_nearby_are_marked_or_sell_a_marked_product,
        a_wrong_count_is_found,
    ],
}
