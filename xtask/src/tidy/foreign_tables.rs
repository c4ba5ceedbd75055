//! A context reads and writes its own tables only: the ones that start with its name.

use super::Finding;
use crate::repository::Repository;

/// After these words of SQL comes a table.
const BEFORE_A_TABLE: [&str; 7] = ["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "REFERENCES", "EXISTS"];

/// Every statement of every context.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &repository.files {
        let Some(context) = context(&file.path) else { continue };
        let own = format!("{context}_");
        let mut before = "";
        let words: Vec<(usize, &str)> = file.lines().flat_map(|(n, line)| words(line).map(move |w| (n, w))).collect();
        for (number, word) in &words {
            // A name that the statement defines itself, as in `WITH RECURSIVE tree AS (...)`, is not a table.
            let is_defined = || words.windows(2).any(|pair| pair[0].1 == *word && pair[1].1 == "AS");
            if BEFORE_A_TABLE.contains(&before) && is_table(word) && !word.starts_with(&own) && !is_defined() {
                let why = format!("`{word}` is not a table of {context}: ask its owner through the generated client");
                findings.push(Finding::new(&file.path, *number, why));
            }
            before = word;
        }
    }
    findings
}

/// The context that owns the file, when the file can hold its SQL.
fn context(path: &str) -> Option<&str> {
    let (context, rest) = path.strip_prefix("crates/contexts/")?.split_once('/')?;
    (rest.starts_with("src/") || rest.starts_with("migrations")).then_some(context)
}

/// The words of a line that is no comment and no import. Quotes and commas fall away; `Insert::into("t"` gives `INTO t`.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let has_no_sql = ["//", "--", "use "].iter().any(|start| line.trim_start().starts_with(start));
    let line = if has_no_sql { "" } else { line };
    let is_separator = |c: char| !(c.is_alphanumeric() || c == '_' || c == '.' || c == '{');
    let words = line.split(is_separator).filter(|word| !word.is_empty());
    words.map(|word| if word == "into" && line.contains("Insert::into(\"") { "INTO" } else { word })
}

/// Whether the word looks like the name of a table: lower case with an underscore or not, no keyword, no column.
fn is_table(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::check;

    /// DL-03: a context that reads the table of another one is found.
    #[test]
    fn a_foreign_table_is_found() {
        let text = r#"
            // FROM account_accounts in a comment
            Statement::new("SELECT id FROM shop_shops s JOIN account_accounts a ON a.id = s.owner", []);
            Statement::new("UPDATE shop_shops SET name = ? WHERE id IN (SELECT id FROM (SELECT 1))", []);
            Statement::new("WITH tree AS (SELECT 1) SELECT id FROM tree", []);
            Insert::into("order_lines", &["a"]);
            let name = String::from(name);
        "#;
        let repository = planted(&[("crates/contexts/shop/src/store.rs", text), ("crates/node/src/x.rs", text)]);
        assert_eq!(
            places(check, &repository),
            ["crates/contexts/shop/src/store.rs:3", "crates/contexts/shop/src/store.rs:6"]
        );
    }
}
