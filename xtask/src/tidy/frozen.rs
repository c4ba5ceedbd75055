//! Migrations and fixtures are append only: existing databases and messages were created by the old ones.
//!
//! `xtask/frozen.txt` contains a SHA-256 per file. `cargo xtask tidy --bless` adds new files and changes no old line.
//! A file that is not released yet may change: its author removes its line and blesses again.

use sha2::{Digest, Sha256};

use super::Finding;
use crate::repository::{File, Repository};

const LIST: &str = "xtask/frozen.txt";

/// Checks that listed files are unchanged, and that every frozen file is listed.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    let listed = listed(repository);
    for (number, (digest, path)) in (1..).zip(&listed) {
        match repository.file(path) {
            None => findings.push(Finding::new(LIST, number, format!("{path} was deleted; frozen files stay"))),
            Some(file) if digest_of(file) != *digest => {
                findings.push(Finding::new(*path, 1, "is frozen and has changed; add a new file instead"));
            }
            Some(_) => {}
        }
    }
    for file in frozen(repository).filter(|file| listed.iter().all(|(_, path)| *path != file.path)) {
        findings.push(Finding::new(&file.path, 1, "is new; record it with `cargo xtask tidy --bless`"));
    }
    findings
}

/// Adds new files to the list.
pub(super) fn bless(repository: &Repository) -> Result<(), String> {
    let listed = listed(repository);
    let mut lines: Vec<String> = listed.iter().map(|(digest, path)| format!("{digest} {path}")).collect();
    for file in frozen(repository).filter(|file| listed.iter().all(|(_, path)| *path != file.path)) {
        lines.push(format!("{} {}", digest_of(file), file.path));
    }
    let text = lines.join("\n") + "\n";
    std::fs::write(repository.root.join(LIST), text).map_err(|error| format!("{LIST}: {error}"))
}

fn listed(repository: &Repository) -> Vec<(&str, &str)> {
    let text = repository.file(LIST).map_or("", File::text);
    text.lines().filter_map(|line| line.split_once(' ')).collect()
}

/// Files that are frozen because of their folder.
fn frozen(repository: &Repository) -> impl Iterator<Item = &File> {
    let is_frozen = |path: &str| path.contains("/migrations/") || path.contains("fixtures/");
    repository.files.iter().filter(move |file| is_frozen(&file.path))
}

fn digest_of(file: &File) -> String {
    hex::encode(Sha256::digest(&file.bytes))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::{LIST, check, digest_of};
    use crate::repository::File;

    #[test]
    fn a_changed_a_lost_and_an_unlisted_file_are_found() {
        let digest = digest_of(&File { path: String::new(), bytes: b"create".to_vec() });
        let list = format!("{digest} a/migrations/1.sql\n{digest} a/migrations/2.sql\n{digest} a/migrations/3.sql\n");
        let repository = planted(&[
            ("a/migrations/1.sql", "create"),
            ("a/migrations/2.sql", "create more"),
            ("fixtures/events/1.json", "{}"),
            (LIST, &list),
        ]);
        let expected = ["a/migrations/2.sql:1", "xtask/frozen.txt:3", "fixtures/events/1.json:1"];
        assert_eq!(places(check, &repository), expected);
    }
}
