//! A module is named after its content; collections such as `utils` are not allowed.

use super::Finding;
use crate::repository::Repository;

const DRAWERS: [&str; 8] = ["base", "common", "helper", "helpers", "manager", "misc", "util", "utils"];

/// Checks every part of the path of every Rust file.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let is_drawer = |path: &str| path.trim_end_matches(".rs").split('/').any(|part| DRAWERS.contains(&part));
    let drawers = repository.rust().filter(|file| is_drawer(&file.path));
    drawers.map(|file| Finding::new(&file.path, 1, "name the module after its content")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::check;

    #[test]
    fn a_drawer_is_found() {
        let files = ["src/utils.rs", "src/common/mod.rs", "src/utility_bill.rs"].map(|path| (path, ""));
        assert_eq!(places(check, &planted(&files)), ["src/utils.rs:1", "src/common/mod.rs:1"]);
    }
}
