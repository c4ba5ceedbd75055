//! Small habits: open work names its issue, tests run, exemptions have a reason.

use super::{Finding, has_word};
use crate::repository::Repository;

/// Texts that are not allowed in source files, written so that this file does not match itself.
const BANNED: [(&str, &str); 4] = [
    (concat!("FIX", "ME"), "fix it, or open an issue and write a to-do with its number"),
    (concat!("#[ign", "ore"), "a test that does not run proves nothing; run it or delete it"),
    (concat!("#[should_", "panic"), "assert the result; a panic can have another cause"),
    (concat!("#[all", "ow("), "write #[expect(lint, reason = \"..\")]: it fails when it is no longer needed"),
];

/// Checks every line of code in every language.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let is_code = |path: &str| ["rs", "proto", "sql", "sh", "toml"].iter().any(|kind| path.ends_with(kind));
    let is_ours = |path: &str| !["proto/google/", "proto/buf/"].iter().any(|folder| path.starts_with(folder));
    let mut findings = Vec::new();
    for file in repository.files.iter().filter(|file| is_code(&file.path) && is_ours(&file.path)) {
        for (number, line) in file.lines() {
            for (word, why) in BANNED {
                // An attribute counts at the start of a line, not inside of generated text.
                let is_here =
                    if word.starts_with('#') { line.trim_start().starts_with(word) } else { line.contains(word) };
                if is_here {
                    findings.push(Finding::new(&file.path, number, why));
                }
            }
            let open = concat!("TO", "DO");
            if has_word(line, open) && !line.contains(concat!("TO", "DO(#")) {
                findings.push(Finding::new(&file.path, number, format!("open work names its issue: {open}(#12)")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::check;

    #[test]
    fn open_work_and_ignored_tests_are_found() {
        let text = [
            concat!("// TO", "DO: later"),
            concat!("// TO", "DO(#12): later"),
            concat!("// FIX", "ME"),
            concat!("#[ign", "ore]"),
        ];
        let repository = planted(&[("a.rs", &text.join("\n")), ("a.md", text[0])]);
        assert_eq!(places(check, &repository), ["a.rs:1", "a.rs:3", "a.rs:4"]);
    }
}
