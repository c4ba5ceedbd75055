//! Repository rules that neither rustc nor clippy checks. Each finding is printed as `path:line: rule: reason`.
//!
//! A rule is one file with one `check` function and a test that plants the defect. A review comment that is made
//! twice becomes a rule here, with its reason in the message.

mod binaries;
mod config_docs;
mod error_pages;
mod foreign_tables;
mod frozen;
mod habits;
mod http_at_the_edge;
mod machine_paths;
mod metric_help;
mod module_docs;
mod module_names;
mod proto_comments;
mod pure_domain;
mod rings;
mod sizes;
mod words;

use std::fmt;

use crate::repository::Repository;

pub(crate) use pure_domain::is_domain;
pub(crate) use sizes::lines_before_tests;

/// Checks the repository and returns the findings of one rule.
type Check = fn(&Repository) -> Vec<Finding>;

const RULES: [(&str, Check); 16] = [
    ("binaries", binaries::check),
    ("config-docs", config_docs::check),
    ("error-pages", error_pages::check),
    ("foreign-tables", foreign_tables::check),
    ("frozen", frozen::check),
    ("habits", habits::check),
    ("http-at-the-edge", http_at_the_edge::check),
    ("machine-paths", machine_paths::check),
    ("metric-help", metric_help::check),
    ("module-docs", module_docs::check),
    ("module-names", module_names::check),
    ("proto-comments", proto_comments::check),
    ("pure-domain", pure_domain::check),
    ("rings", rings::check),
    ("sizes", sizes::check),
    ("words", words::check),
];

/// One violation of a rule.
pub(crate) struct Finding {
    path: String,
    line: usize,
    why: String,
}

impl Finding {
    fn new(path: impl Into<String>, line: usize, why: impl Into<String>) -> Self {
        Self { path: path.into(), line, why: why.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.why)
    }
}

/// Checks every rule. With `bless`, first records new frozen files and functions that became shorter.
pub(crate) fn run(bless: bool) -> Result<String, String> {
    let mut repository = Repository::read()?;
    if bless {
        frozen::bless(&repository)?;
        sizes::bless(&repository)?;
        repository = Repository::read()?;
    }
    let mut lines = Vec::new();
    for (rule, check) in RULES {
        let findings = check(&repository).into_iter();
        lines.extend(findings.map(|Finding { path, line, why }| format!("{path}:{line}: {rule}: {why}")));
    }
    if lines.is_empty() {
        return Ok(format!("tidy: {} files, {} rules, no findings", repository.files.len(), RULES.len()));
    }
    lines.push(format!("tidy: {} findings", lines.len()));
    Err(lines.join("\n"))
}

/// Whether `line` contains `word` as a whole word.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(start, _)| {
        let (before, rest) = line.split_at(start);
        !is_part(before.chars().next_back()) && !is_part(rest.chars().nth(word.chars().count()))
    })
}

/// The line without a trailing comment.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

#[cfg(test)]
mod tests {
    //! Planted repositories, so that every rule proves that it can fail.

    use std::path::PathBuf;

    use super::{Check, RULES};
    use crate::repository::{Crate, Dependency, File, Repository};

    /// Repository with these files.
    pub(super) fn planted(files: &[(&str, &str)]) -> Repository {
        let files = files.iter().map(|(path, text)| File { path: (*path).into(), bytes: text.as_bytes().to_vec() });
        Repository { root: PathBuf::new(), files: files.collect(), crates: Vec::new() }
    }

    /// Repository with one crate. A dependency that starts with `dev:` is a dev-dependency.
    pub(super) fn with_crate(name: &str, folder: &str, dependencies: &[&str]) -> Repository {
        let dependencies = dependencies.iter().map(|name| Dependency {
            name: name.trim_start_matches("dev:").to_owned(),
            is_dev: name.starts_with("dev:"),
        });
        let dependencies = dependencies.collect();
        let crates = vec![Crate { name: name.into(), folder: folder.into(), dependencies }];
        Repository { root: PathBuf::new(), files: Vec::new(), crates }
    }

    /// Findings of the rule as `path:line`.
    pub(super) fn places(check: Check, repository: &Repository) -> Vec<String> {
        check(repository).iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
    }

    #[test]
    fn rules_stand_in_order_and_once() {
        let names: Vec<_> = RULES.iter().map(|(name, _)| *name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }

    #[test]
    fn a_word_is_whole() {
        assert!(super::has_word("use tokio::time;", "tokio"));
        assert!(!super::has_word("asynchronous", "async"));
        assert!(!super::has_word("no_async", "async"));
    }
}
