//! The tree of categories.

use std::collections::BTreeSet;

use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

use crate::domain::category::Code;

row! {
    /// A category.
    #[derive(Clone, Debug)]
    pub(crate) struct CategoryRow {
        pub(crate) code: Code = "code",
        pub(crate) name: String = "name",
        pub(crate) name_zh: String = "name_zh",
        pub(crate) legacy_code: String = "legacy_code",
    }
}

pub(crate) async fn by_code(store: &Store, code: Code) -> Result<Option<CategoryRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM shop_categories WHERE code = ?", values![code])).await
}

/// The codes that exist.
pub(crate) async fn known(store: &Store, codes: &BTreeSet<Code>) -> Result<BTreeSet<Code>, StoreError> {
    if codes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let text = "SELECT code FROM shop_categories WHERE code IN (??)";
    Ok(store.all(Statement::listing(text, codes.iter().copied(), values![])).await?.into_iter().collect())
}

/// The children of a category, ordered by code; at most 1000.
pub(crate) async fn children(store: &Store, parent: Code) -> Result<Vec<CategoryRow>, StoreError> {
    let query = Statement::new("SELECT * FROM shop_categories WHERE parent_code = ? ORDER BY code", values![parent]);
    store.all(query).await
}

/// The categories below and including `parent` that have children.
pub(crate) async fn parents_below(store: &Store, parent: Code) -> Result<Vec<Code>, StoreError> {
    let range = parent.subtree();
    let query = Statement::new(
        "SELECT DISTINCT parent_code FROM shop_categories WHERE parent_code BETWEEN ? AND ?",
        values![*range.start(), *range.end()],
    );
    store.all(query).await
}

/// A category and everything below it, ordered by code.
pub(crate) async fn subtree(store: &Store, top: Code) -> Result<Vec<CategoryRow>, StoreError> {
    let range = top.subtree();
    let query = Statement::new(
        "SELECT * FROM shop_categories WHERE code BETWEEN ? AND ? ORDER BY code",
        values![*range.start(), *range.end()],
    );
    store.all(query).await
}

/// The write that creates categories.
pub(crate) fn insert<'a>(rows: impl IntoIterator<Item = &'a CategoryRow>) -> Insert {
    let insert = Insert::into("shop_categories", &["code", "parent_code", "name", "name_zh", "legacy_code"]);
    rows.into_iter().fold(insert, |insert, row| {
        let parent = row.code.parent().unwrap_or(Code::ALL);
        insert.row(values![row.code, parent, row.name.as_str(), row.name_zh.as_str(), row.legacy_code.as_str()])
    })
}

/// Adds the write that locks a category until the end of the commit, so that it cannot move meanwhile. A missing category
/// makes it a conflict; code 0 means no category and adds no write.
pub(crate) fn lock(commit: Commit, code: Code) -> Commit {
    if code == Code::ALL {
        return commit;
    }
    let lock = Statement::new("UPDATE shop_categories SET name = name WHERE code = ?", values![code]);
    commit.write(lock).expect_rows(1)
}

/// Like [`lock`], for several categories in one statement.
pub(crate) fn lock_all(commit: Commit, codes: &BTreeSet<Code>) -> Commit {
    let codes: Vec<Code> = codes.iter().copied().filter(|code| *code != Code::ALL).collect();
    if codes.is_empty() {
        return commit;
    }
    let count = u64::try_from(codes.len()).unwrap_or(u64::MAX);
    let lock = Statement::listing("UPDATE shop_categories SET name = name WHERE code IN (??)", codes, values![]);
    commit.write(lock).expect_rows(count)
}

/// Adds the writes that delete a category and everything below it, `count` rows in total. A category that was added after
/// the read makes it a conflict, because it would stay behind.
pub(crate) fn delete_subtree(commit: Commit, top: Code, count: usize) -> Commit {
    let (first, last) = top.subtree().into_inner();
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    // Waits for commits that lock one of them, so that the next statement sees their rows.
    let lock =
        Statement::new("UPDATE shop_categories SET name = name WHERE code BETWEEN ? AND ?", values![first, last]);
    let delete = Statement::new("DELETE FROM shop_categories WHERE code BETWEEN ? AND ?", values![first, last]);
    commit.write(lock).expect_rows(count).write(delete).expect_rows(count)
}
