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

/// Those of the codes that are there.
pub(crate) async fn known(store: &Store, codes: &BTreeSet<Code>) -> Result<BTreeSet<Code>, StoreError> {
    if codes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let text = "SELECT code FROM shop_categories WHERE code IN (??)";
    Ok(store.all(Statement::listing(text, codes.iter().copied(), values![])).await?.into_iter().collect())
}

/// The children of a category, in the order of their codes; at most a thousand, by the law of codes.
pub(crate) async fn children(store: &Store, parent: Code) -> Result<Vec<CategoryRow>, StoreError> {
    let query = Statement::new("SELECT * FROM shop_categories WHERE parent_code = ? ORDER BY code", values![parent]);
    store.all(query).await
}

/// Which of the children of a category have children themselves.
pub(crate) async fn parents_below(store: &Store, parent: Code) -> Result<Vec<Code>, StoreError> {
    let range = parent.subtree();
    let query = Statement::new(
        "SELECT DISTINCT parent_code FROM shop_categories WHERE parent_code BETWEEN ? AND ?",
        values![*range.start(), *range.end()],
    );
    store.all(query).await
}

/// A category and everything below it, in the order of their codes.
pub(crate) async fn subtree(store: &Store, top: Code) -> Result<Vec<CategoryRow>, StoreError> {
    let range = top.subtree();
    let query = Statement::new(
        "SELECT * FROM shop_categories WHERE code BETWEEN ? AND ? ORDER BY code",
        values![*range.start(), *range.end()],
    );
    store.all(query).await
}

/// The write that makes these categories.
pub(crate) fn insert<'a>(rows: impl IntoIterator<Item = &'a CategoryRow>) -> Insert {
    let insert = Insert::into("shop_categories", &["code", "parent_code", "name", "name_zh", "legacy_code"]);
    rows.into_iter().fold(insert, |insert, row| {
        let parent = row.code.parent().unwrap_or(Code::ALL);
        insert.row(values![row.code, parent, row.name.as_str(), row.name_zh.as_str(), row.legacy_code.as_str()])
    })
}

/// Keeps a category where it is until the commit is over: whatever is put below it goes along when it moves. One that
/// is gone is a conflict; 0 is no category and stays.
pub(crate) fn hold(commit: Commit, code: Code) -> Commit {
    if code == Code::ALL {
        return commit;
    }
    let hold = Statement::new("UPDATE shop_categories SET name = name WHERE code = ?", values![code]);
    commit.write(hold).expect_rows(1)
}

/// As [`hold`], for several in one statement; a batch of an import uses at most as many as it has rows.
pub(crate) fn hold_all(commit: Commit, codes: &BTreeSet<Code>) -> Commit {
    let codes: Vec<Code> = codes.iter().copied().filter(|code| *code != Code::ALL).collect();
    if codes.is_empty() {
        return commit;
    }
    let count = u64::try_from(codes.len()).unwrap_or(u64::MAX);
    let hold = Statement::listing("UPDATE shop_categories SET name = name WHERE code IN (??)", codes, values![]);
    commit.write(hold).expect_rows(count)
}

/// Removes a category and everything below it, `count` in all as they were read. One that was put there since is a
/// conflict: it would be left behind.
pub(crate) fn delete_subtree(commit: Commit, top: Code, count: usize) -> Commit {
    let (first, last) = top.subtree().into_inner();
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    // Waits for those who hold one of them, so that the next statement sees what they put there.
    let hold =
        Statement::new("UPDATE shop_categories SET name = name WHERE code BETWEEN ? AND ?", values![first, last]);
    let delete = Statement::new("DELETE FROM shop_categories WHERE code BETWEEN ? AND ?", values![first, last]);
    commit.write(hold).expect_rows(count).write(delete).expect_rows(count)
}
