//! Every module begins with its documentation.

use super::Finding;
use crate::repository::Repository;

/// Checks the first line of every Rust file.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let starts = |text: &str| text.lines().find(|line| !line.trim().is_empty()).is_some_and(|l| l.starts_with("//!"));
    let silent = repository.rust().filter(|file| !starts(file.text()));
    silent.map(|file| Finding::new(&file.path, 1, "begin with `//!` and one sentence about the module")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::check;

    #[test]
    fn an_undocumented_module_is_found() {
        let repository = planted(&[("a.rs", "use std::fmt;\n"), ("b.rs", "\n//! Speaks.\n"), ("c.rs", "")]);
        assert_eq!(places(check, &repository), ["a.rs:1", "c.rs:1"]);
    }
}
