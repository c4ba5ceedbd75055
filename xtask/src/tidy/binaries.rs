//! Large files do not belong in the history, except assets that the binary serves.

use super::Finding;
use crate::repository::Repository;

const BYTES_MAX: usize = 1024 * 1024;

/// Checks the size of every file.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let is_asset = |path: &str| path.starts_with("crates/") && path.contains("/assets/");
    let big = repository.files.iter().filter(|file| file.bytes.len() > BYTES_MAX && !is_asset(&file.path));
    big.map(|file| Finding::new(&file.path, 1, format!("{} bytes, at most {BYTES_MAX}", file.bytes.len()))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::{BYTES_MAX, check};

    #[test]
    fn a_big_file_is_found() {
        let big = "x".repeat(BYTES_MAX + 1);
        let repository = planted(&[("dump.bin", &big), ("crates/edge/assets/docs.js", &big), ("small", "x")]);
        assert_eq!(places(check, &repository), ["dump.bin:1"]);
    }
}
