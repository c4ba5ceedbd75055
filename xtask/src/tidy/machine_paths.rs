//! No file names a path of a developer's machine or the host of a registry.

use super::Finding;
use crate::repository::Repository;

/// Parts of such names, written so that this file does not match itself.
const BANNED: [&str; 11] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/fa", "rm/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("index.", "crates"),
    concat!("static.", "crates"),
    concat!("registry.", "npmjs"),
    concat!("files.", "pythonhosted"),
    concat!("pypi", ".org"),
    concat!("deb.", "debian"),
];

/// Checks every line of every text file.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Vendored assets carry the addresses of their authors; Cargo.lock is cargo's own file.
    let is_ours = |path: &str| !path.contains("/assets/") && path != "Cargo.lock";
    for file in repository.files.iter().filter(|file| is_ours(&file.path)) {
        for banned in BANNED.iter().filter(|banned| file.text().contains(**banned)) {
            for (number, _) in file.lines().filter(|(_, line)| line.contains(banned)) {
                let why = format!("`{banned}` names a machine or a registry; the repository runs anywhere");
                findings.push(Finding::new(&file.path, number, why));
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
    fn a_machine_path_is_found() {
        let text = concat!("fine\nsee /ho", "me/me/notes\n");
        assert_eq!(places(check, &planted(&[("README.md", text)])), ["README.md:2"]);
    }
}
