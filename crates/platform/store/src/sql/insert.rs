//! Rows to insert, and the handling of rows that exist.

use std::borrow::Cow;
use std::sync::Arc;

use super::dialect::Dialect;
use super::row::ToRow;
use super::statement::{Sql, placeholders};
use super::value::Value;

/// Rows for one table.
///
/// They are written with as few statements as the engine allows. Do not use `expect_rows` with a conflict clause: engines
/// count the affected rows of a handled conflict differently.
#[derive(Clone, Debug)]
pub struct Insert {
    table: Cow<'static, str>,
    columns: &'static [&'static str],
    values: Vec<Value>,
    conflict: Conflict,
}

#[derive(Clone, Copy, Debug)]
enum Conflict {
    Refuse,
    Ignore { key: &'static [&'static str] },
    Update { key: &'static [&'static str], columns: &'static [&'static str] },
}

/// Maximum number of rows per statement, so that few different texts are prepared.
const ROWS_MAX: usize = 128;
/// Maximum number of values per statement. Every engine accepts 32,766.
const VALUES_MAX: usize = 30_000;

impl Insert {
    /// Rows for `table`, each with a value for each of `columns`.
    #[must_use]
    pub fn into(table: impl Into<Cow<'static, str>>, columns: &'static [&'static str]) -> Self {
        Self { table: table.into(), columns, values: Vec::new(), conflict: Conflict::Refuse }
    }

    /// One row of `table` for each of `rows`.
    #[must_use]
    pub fn rows<'a, R: ToRow + 'a>(table: impl Into<Cow<'static, str>>, rows: impl IntoIterator<Item = &'a R>) -> Self {
        rows.into_iter().fold(Self::into(table, R::COLUMNS), |insert, row| insert.row(row.to_row()))
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If the row does not have one value per column.
    #[must_use]
    pub fn row(mut self, values: impl IntoIterator<Item = Value>) -> Self {
        let expected = self.values.len() + self.columns.len();
        self.values.extend(values);
        assert_eq!(self.values.len(), expected, "a row for {} needs one value per column", self.table);
        self
    }

    /// Updates `columns` of a row whose `key`, a unique key of the table, exists. The same key twice in one insert is an
    /// error on PostgreSQL.
    #[must_use]
    pub fn on_conflict_update(mut self, key: &'static [&'static str], columns: &'static [&'static str]) -> Self {
        self.conflict = Conflict::Update { key, columns };
        self
    }

    /// Skips a row whose `key`, a unique key of the table, exists.
    #[must_use]
    pub fn on_conflict_ignore(mut self, key: &'static [&'static str]) -> Self {
        self.conflict = Conflict::Ignore { key };
        self
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The statements in `dialect`, with their values.
    pub(crate) fn into_statements(self, dialect: Dialect) -> Vec<(Sql, Vec<Value>)> {
        let width = self.columns.len().max(1);
        let rows_max = match dialect {
            // On SQLite a prepared statement for one row is faster than a longer text.
            Dialect::Sqlite => 1,
            Dialect::Postgres | Dialect::Mysql { .. } => VALUES_MAX.checked_div(width).unwrap_or(1).clamp(1, ROWS_MAX),
        };
        let mut statements = Vec::new();
        let mut text: Option<(usize, Arc<str>)> = None;
        let mut values = self.values.into_iter();
        while values.len() > 0 {
            let rows = chunk_rows(values.len().div_ceil(width), rows_max);
            let chunk: Vec<Value> = values.by_ref().take(rows * width).collect();
            let sql = match &text {
                Some((count, sql)) if *count == chunk.len() => Arc::clone(sql),
                _ => self_text(&self.table, self.columns, self.conflict, (dialect, chunk.len())).into(),
            };
            text = Some((chunk.len(), Arc::clone(&sql)));
            statements.push((Sql::Shared(sql), chunk));
        }
        statements
    }
}

/// Number of rows of the next statement: a power of two below the maximum, because a server prepares each text on each
/// connection, and batches have any size.
fn chunk_rows(left: usize, rows_max: usize) -> usize {
    if left >= rows_max { rows_max } else { 1 << left.max(1).ilog2() }
}

fn self_text(table: &str, columns: &[&str], conflict: Conflict, (dialect, value_count): (Dialect, usize)) -> String {
    let row = format!("({})", placeholders(columns.len()));
    let row_count = value_count.checked_div(columns.len()).unwrap_or(0);
    let rows = vec![row.as_str(); row_count].join(", ");
    let mut text = format!("INSERT INTO {table} ({}) VALUES {rows}", columns.join(", "));
    text.push_str(&conflict_text(conflict, dialect));
    text
}

fn conflict_text(conflict: Conflict, dialect: Dialect) -> String {
    let assignments = |columns: &[&str], new: fn(&str) -> String| {
        columns.iter().map(|column| format!("{column} = {}", new(column))).collect::<Vec<_>>().join(", ")
    };
    match (conflict, dialect) {
        (Conflict::Refuse, _) => String::new(),
        (Conflict::Ignore { key }, Dialect::Sqlite | Dialect::Postgres) => {
            format!(" ON CONFLICT ({}) DO NOTHING", key.join(", "))
        }
        // INSERT IGNORE would ignore other errors as well.
        (Conflict::Ignore { key }, Dialect::Mysql { .. }) => {
            format!(" ON DUPLICATE KEY UPDATE {}", assignments(key.get(..1).unwrap_or(key), str::to_owned))
        }
        (Conflict::Update { key, columns }, Dialect::Sqlite | Dialect::Postgres) => {
            let new = |column: &str| format!("excluded.{column}");
            format!(" ON CONFLICT ({}) DO UPDATE SET {}", key.join(", "), assignments(columns, new))
        }
        (Conflict::Update { columns, .. }, Dialect::Mysql { .. }) => {
            let new = |column: &str| format!("VALUES({column})");
            format!(" ON DUPLICATE KEY UPDATE {}", assignments(columns, new))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values;

    const MARIADB: Dialect = Dialect::Mysql { collation: "utf8mb4_nopad_bin" };

    fn text(insert: Insert, dialect: Dialect) -> String {
        insert.into_statements(dialect)[0].0.as_str().to_owned()
    }

    #[test]
    fn existing_rows_are_handled_in_every_dialect() {
        let insert = || Insert::into("t", &["a", "b"]).row(values![1_i64, 2_i64]);
        let update = insert().on_conflict_update(&["a"], &["b"]);
        let plain = "INSERT INTO t (a, b) VALUES (?, ?)";
        assert_eq!(text(insert(), Dialect::Sqlite), plain);
        assert_eq!(
            text(update.clone(), Dialect::Sqlite),
            format!("{plain} ON CONFLICT (a) DO UPDATE SET b = excluded.b")
        );
        assert_eq!(text(update, MARIADB), format!("{plain} ON DUPLICATE KEY UPDATE b = VALUES(b)"));
        let ignore = insert().on_conflict_ignore(&["a"]);
        assert_eq!(text(ignore.clone(), Dialect::Postgres), format!("{plain} ON CONFLICT (a) DO NOTHING"));
        assert_eq!(text(ignore, MARIADB), format!("{plain} ON DUPLICATE KEY UPDATE a = a"));
    }

    #[test]
    fn many_rows_become_few_statements() {
        let mut insert = Insert::into("t", &["a"]);
        for row in 0..300_i64 {
            insert = insert.row(values![row]);
        }
        let sizes =
            |dialect| insert.clone().into_statements(dialect).iter().map(|(_, args)| args.len()).collect::<Vec<_>>();
        assert_eq!(sizes(Dialect::Postgres), [128, 128, 32, 8, 4]);
        assert_eq!(sizes(Dialect::Sqlite).len(), 300);
    }
}
