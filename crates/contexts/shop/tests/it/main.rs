//! What the shop context promises, on every engine: use cases through the clients, on a real database.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot go on fails its test")]

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

/// How often each word is there, sorted.
fn tally<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts = BTreeMap::new();
    words.into_iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    counts.into_iter().collect()
}

pulse_testkit::on_every_engine! {
    categories: [
        codes_follow_the_law,
        parallel_categories_have_different_codes,
        a_move_recodes_everything_below,
        impossible_moves_are_refused,
        nothing_is_lost_below_a_moving_branch,
    ],
    changes: [
        changes_are_seen_at_once,
        a_stale_version_changes_nothing,
        one_of_parallel_changes_of_a_version_wins,
        impossible_hours_are_refused,
        texts_of_hours_are_kept_as_they_came,
        hours_follow_the_clocks_of_the_place,
        closed_shops_vanish_and_come_back,
    ],
    imports: [
        the_same_batch_again_changes_nothing,
        refused_rows_are_named_and_the_rest_is_taken_in,
        parallel_imports_make_no_duplicates,
        a_shop_of_ours_comes_back_as_itself,
        no_import_lands_in_a_category_that_is_gone,
        an_export_streams_everything,
    ],
    nearby: [
        nearby_is_what_brute_force_finds,
        pages_of_nearby_are_stable,
        nearby_has_defaults,
    ],
    products: [
        products_are_seen_when_they_are_on_sale,
        everything_that_is_wrong_is_said_at_once,
        variants_keep_their_ids,
        one_of_parallel_product_changes_wins,
        a_menu_shows_what_is_on_sale,
        a_catalogue_is_ones_own_and_what_is_shared,
        a_shop_has_a_limit_of_products,
    ],
    reviews: [
        a_merchant_is_seen_by_its_owner,
        an_approved_shop_is_seen_and_staffed,
        a_rejection_needs_a_reason,
        states_allow_what_they_allow,
        one_of_two_parallel_reviews_decides,
        a_merchant_has_a_limit_of_shops,
    ],
    suppliers: [
        what_can_be_had_is_listed,
        items_of_nowhere_are_refused,
    ],
}
