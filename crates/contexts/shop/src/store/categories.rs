//! The tree of categories.

use pulse_store::{FromRow, Insert, Row, Statement, Store, StoreError, values};

use crate::domain::category::Code;

/// A category as its row tells.
#[derive(Clone, Debug)]
pub(crate) struct CategoryRow {
    pub(crate) code: Code,
    pub(crate) name: String,
    pub(crate) name_zh: String,
    pub(crate) legacy_code: String,
}

impl FromRow for CategoryRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            code: Code::new(row.get("code")?).unwrap_or(Code::ALL),
            name: row.get("name")?,
            name_zh: row.get("name_zh")?,
            legacy_code: row.get("legacy_code")?,
        })
    }
}

pub(crate) async fn by_code(store: &Store, code: Code) -> Result<Option<CategoryRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM shop_categories WHERE code = ?", values![code.get()])).await
}

/// The children of a category, in the order of their codes; at most a thousand, by the law of codes.
pub(crate) async fn children(store: &Store, parent: Code) -> Result<Vec<CategoryRow>, StoreError> {
    let query =
        Statement::new("SELECT * FROM shop_categories WHERE parent_code = ? ORDER BY code", values![parent.get()]);
    store.all(query).await
}

/// Which of the children of a category have children themselves.
pub(crate) async fn parents_below(store: &Store, parent: Code) -> Result<Vec<Code>, StoreError> {
    let range = parent.subtree();
    let query = Statement::new(
        "SELECT DISTINCT parent_code FROM shop_categories WHERE parent_code BETWEEN ? AND ?",
        values![*range.start(), *range.end()],
    );
    let rows: Vec<(i64,)> = store.all(query).await?;
    Ok(rows.into_iter().filter_map(|(code,)| Code::new(code)).collect())
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

pub(crate) fn insert(row: &CategoryRow) -> Insert {
    let parent = row.code.parent().unwrap_or(Code::ALL);
    Insert::into("shop_categories", &["code", "parent_code", "name", "name_zh", "legacy_code"]).row(values![
        row.code.get(),
        parent.get(),
        row.name.as_str(),
        row.name_zh.as_str(),
        row.legacy_code.as_str()
    ])
}

pub(crate) fn delete(code: Code) -> Statement {
    Statement::new("DELETE FROM shop_categories WHERE code = ?", values![code.get()])
}
