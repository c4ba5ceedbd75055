//! Follows, one row per side.

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::AccountId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, values};

use super::accounts;

/// Position of an entry in a list of follows: its time and account.
pub(crate) type Position = (Timestamp, AccountId);

/// Position before the first entry of a list, which starts with the newest.
pub(crate) const FIRST: Position = (Timestamp::from_millis(i64::MAX), AccountId::new(i64::MAX));

/// The time since which one account follows another; `None` when it does not.
pub(crate) async fn since(
    store: &Store,
    follower: AccountId,
    followee: AccountId,
) -> Result<Option<Timestamp>, StoreError> {
    let query = Statement::new(
        "SELECT followed_at FROM account_following WHERE follower_id = ? AND followee_id = ?",
        values![follower, followee],
    );
    store.optional(query).await
}

/// Adds the writes of a follow: both rows and both counters. An existing follow makes it a conflict, and so does a follower
/// that follows `following_max` accounts.
pub(crate) fn insert(
    commit: Commit,
    follower: AccountId,
    followee: AccountId,
    following_max: i64,
    now: Timestamp,
) -> Commit {
    let following = Insert::into("account_following", &["follower_id", "followee_id", "followed_at"]);
    let followers = Insert::into("account_followers", &["followee_id", "follower_id", "followed_at"]);
    let commit = commit
        .insert(following.row(values![follower, followee, now]))
        .duplicate_is(&errors::STORE_CONTENDED)
        .insert(followers.row(values![followee, follower, now]))
        .duplicate_is(&errors::STORE_CONTENDED);
    let one_more = (follower, accounts::follow_one_more(follower, following_max));
    count(commit, [one_more, (followee, accounts::add_to_counts(followee, 1, 0))])
}

/// Adds the writes that remove a follow: both rows and both counters. A missing follow makes it a conflict.
pub(crate) fn delete(commit: Commit, follower: AccountId, followee: AccountId) -> Commit {
    let commit = commit
        .write(Statement::new(
            "DELETE FROM account_following WHERE follower_id = ? AND followee_id = ?",
            values![follower, followee],
        ))
        .expect_rows(1)
        .write(Statement::new(
            "DELETE FROM account_followers WHERE followee_id = ? AND follower_id = ?",
            values![followee, follower],
        ))
        .expect_rows(1);
    let one_less = (follower, accounts::add_to_counts(follower, 0, -1));
    count(commit, [one_less, (followee, accounts::add_to_counts(followee, -1, 0))])
}

/// Adds the writes of both counters, in the order of the account IDs, so that crossing follows do not deadlock.
fn count(commit: Commit, mut counts: [(AccountId, Statement); 2]) -> Commit {
    counts.sort_by_key(|(account, _)| *account);
    counts.into_iter().fold(commit, |commit, (_, statement)| commit.write(statement).expect_rows(1))
}

/// The accounts that an account follows, newest follow first, after `position`.
pub(crate) async fn following(
    store: &Store,
    account: AccountId,
    position: Position,
    limit: i64,
) -> Result<Vec<Position>, StoreError> {
    let query = Statement::new(
        "SELECT followed_at, followee_id FROM account_following WHERE follower_id = ? \
         AND (followed_at < ? OR (followed_at = ? AND followee_id < ?)) \
         ORDER BY followed_at DESC, followee_id DESC LIMIT ?",
        values![account, position.0, position.0, position.1, limit],
    );
    store.all(query).await
}

/// The followers of an account, newest follow first, after `position`.
pub(crate) async fn followers(
    store: &Store,
    account: AccountId,
    position: Position,
    limit: i64,
) -> Result<Vec<Position>, StoreError> {
    let query = Statement::new(
        "SELECT followed_at, follower_id FROM account_followers WHERE followee_id = ? \
         AND (followed_at < ? OR (followed_at = ? AND follower_id < ?)) \
         ORDER BY followed_at DESC, follower_id DESC LIMIT ?",
        values![account, position.0, position.0, position.1, limit],
    );
    store.all(query).await
}
