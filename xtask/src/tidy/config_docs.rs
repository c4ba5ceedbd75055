//! Every configuration field is documented: the comments are the configuration reference.

use super::Finding;
use crate::repository::Repository;

/// Checks the public fields of every `config.rs` and of every file below a `config` folder.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let is_config = |path: &str| path.contains("/src/") && (path.ends_with("/config.rs") || path.contains("/config/"));
    let mut findings = Vec::new();
    for file in repository.rust().filter(|file| is_config(&file.path)) {
        let mut is_documented = false;
        for (number, line) in file.lines() {
            let line = line.trim_start();
            if line.starts_with("///") {
                is_documented = true;
            } else if !line.starts_with("#[") {
                if is_field(line) && !is_documented {
                    findings.push(Finding::new(
                        &file.path,
                        number,
                        "document the field: meaning, unit, range and default",
                    ));
                }
                is_documented = false;
            }
        }
    }
    findings
}

/// `pub name: Type,` or `pub(crate) name: Type,`
fn is_field(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")) else { return false };
    rest.split_once(": ").is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        && rest.ends_with(',')
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::check;

    #[test]
    fn an_undocumented_field_is_found() {
        let text = "pub struct Config {\n    /// Where.\n    #[serde(default)]\n    pub listen: String,\n    pub drain: Time,\n}";
        let repository = planted(&[("crates/node/src/config.rs", text), ("crates/node/src/other.rs", text)]);
        assert_eq!(places(check, &repository), ["crates/node/src/config.rs:5"]);
    }
}
