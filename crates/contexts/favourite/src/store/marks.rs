//! Marks, and the counts that follow from them.

use pulse_contract::errors as common;
use pulse_contract::favourite::v1::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

/// A shop, or one of its products; product 0 is the shop itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) shop: ShopId,
    pub(crate) product: i64,
}

row! {
    /// A mark of an account.
    #[derive(Clone, Debug)]
    pub(crate) struct MarkRow {
        pub(crate) marked_at: Timestamp = "marked_at",
    } with {
        pub(crate) subject: Subject { shop = "shop_id", product = "product_id" },
    }
}

/// The time of a mark; `None` if the account has not marked the subject.
pub(crate) async fn marked_at(
    store: &Store,
    account: AccountId,
    subject: Subject,
) -> Result<Option<Timestamp>, StoreError> {
    let text = "SELECT marked_at FROM favourite_marks WHERE account_id = ? AND shop_id = ? AND product_id = ?";
    store.optional(Statement::new(text, values![account, subject.shop, subject.product])).await
}

/// Adds a mark and both counts. Refused when the account has `marks_max` marks; a concurrent mark of the same subject is
/// a conflict.
pub(crate) fn insert(account: AccountId, subject: Subject, marks_max: i64, now: Timestamp) -> Commit {
    let Subject { shop, product } = subject;
    let marks = Insert::into("favourite_marks", &["account_id", "shop_id", "product_id", "marked_at"]);
    let accounts = Insert::into("favourite_accounts", &["account_id", "mark_count"]);
    let counts = Insert::into("favourite_counts", &["shop_id", "product_id", "account_count"]);
    let one_more_mark =
        "UPDATE favourite_accounts SET mark_count = mark_count + 1 WHERE account_id = ? AND mark_count < ?";
    Commit::new()
        .insert(marks.row(values![account, shop, product, now]))
        .duplicate_is(&common::STORE_CONTENDED)
        .insert(accounts.row(values![account, 0_i64]).on_conflict_ignore(&["account_id"]))
        .write(Statement::new(one_more_mark, values![account, marks_max]))
        .expect_rows_else(1, &errors::FAVOURITE_LIMIT)
        .insert(counts.row(values![shop, product, 0_i64]).on_conflict_ignore(&["shop_id", "product_id"]))
        .write(add_to_count(subject, 1))
        .expect_rows(1)
}

/// Removes a mark and reduces both counts; a mark that does not exist is a conflict.
pub(crate) fn delete(account: AccountId, subject: Subject) -> Commit {
    let mark = "DELETE FROM favourite_marks WHERE account_id = ? AND shop_id = ? AND product_id = ?";
    let one_less_mark = "UPDATE favourite_accounts SET mark_count = mark_count - 1 WHERE account_id = ?";
    Commit::new()
        .write(Statement::new(mark, values![account, subject.shop, subject.product]))
        .expect_rows(1)
        .write(Statement::new(one_less_mark, values![account]))
        .expect_rows(1)
        .write(add_to_count(subject, -1))
        .expect_rows(1)
}

fn add_to_count(subject: Subject, change: i64) -> Statement {
    let text = "UPDATE favourite_counts SET account_count = account_count + ? WHERE shop_id = ? AND product_id = ?";
    Statement::new(text, values![change, subject.shop, subject.product])
}

/// Number of accounts that have marked a subject.
pub(crate) async fn account_count(store: &Store, subject: Subject) -> Result<i64, StoreError> {
    let text = "SELECT account_count FROM favourite_counts WHERE shop_id = ? AND product_id = ?";
    let count: Option<i64> = store.optional(Statement::new(text, values![subject.shop, subject.product])).await?;
    Ok(count.unwrap_or(0))
}

/// A position in the list of an account: time, shop and product of the last mark before it.
pub(crate) type Position = (Timestamp, ShopId, i64);

/// Before the newest mark.
pub(crate) const START: Position = (Timestamp::from_millis(i64::MAX), ShopId::new(i64::MAX), i64::MAX);

/// Marks of an account behind a position, newest first.
pub(crate) async fn newest(
    store: &Store,
    account: AccountId,
    (at, shop, product): Position,
    limit: i64,
) -> Result<Vec<MarkRow>, StoreError> {
    let text = "SELECT marked_at, shop_id, product_id FROM favourite_marks WHERE account_id = ? \
                AND (marked_at < ? OR (marked_at = ? AND (shop_id < ? OR (shop_id = ? AND product_id < ?)))) \
                ORDER BY marked_at DESC, shop_id DESC, product_id DESC LIMIT ?";
    store.all(Statement::new(text, values![account, at, at, shop, shop, product, limit])).await
}

row! {
    /// A count beside the number of marks that it has to equal.
    #[derive(Clone, Debug)]
    pub(crate) struct CountedRow {
        /// The id of the account, or of the shop.
        pub(crate) id: i64 = "id",
        /// The id of the product; 0 for accounts.
        pub(crate) product: i64 = "product_id",
        pub(crate) counted: i64 = "counted",
        pub(crate) marks: i64 = "marks",
    }
}

/// Counts of accounts behind an account, each with its marks as of the same instant.
pub(crate) async fn accounts_after(store: &Store, after: i64, limit: i64) -> Result<Vec<CountedRow>, StoreError> {
    let text = "SELECT a.account_id, a.mark_count, \
                (SELECT COUNT(*) FROM favourite_marks m WHERE m.account_id = a.account_id) \
                FROM favourite_accounts a WHERE a.account_id > ? ORDER BY a.account_id LIMIT ?";
    let rows: Vec<(i64, i64, i64)> = store.all(Statement::new(text, values![after, limit])).await?;
    Ok(rows.into_iter().map(|(id, counted, marks)| CountedRow { id, product: 0, counted, marks }).collect())
}

/// Counts of subjects behind a subject, each with its marks as of the same instant.
pub(crate) async fn subjects_after(
    store: &Store,
    (shop, product): (i64, i64),
    limit: i64,
) -> Result<Vec<CountedRow>, StoreError> {
    let text = "SELECT c.shop_id AS id, c.product_id AS product_id, c.account_count AS counted, \
                (SELECT COUNT(*) FROM favourite_marks m WHERE m.shop_id = c.shop_id AND m.product_id = c.product_id) AS marks \
                FROM favourite_counts c WHERE c.shop_id > ? OR (c.shop_id = ? AND c.product_id > ?) \
                ORDER BY c.shop_id, c.product_id LIMIT ?";
    store.all(Statement::new(text, values![shop, shop, product, limit])).await
}
