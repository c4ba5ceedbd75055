//! Only the edge knows HTTP. Whoever else needs a status or a header has put a rule into the wrong crate.

use super::Finding;
use crate::repository::Repository;

const HTTP: [&str; 12] = [
    "actix-web",
    "axum",
    "http",
    "http-body",
    "http-body-util",
    "hyper",
    "hyper-util",
    "matchit",
    "reqwest",
    "tonic-web",
    "tower-http",
    "ureq",
];

/// The edge serves, node wires it, console renders for it; drills, bench and testkit are its clients.
const ALLOWED: [&str; 6] = ["crates/edge", "crates/node", "crates/console", "crates/drills", "crates/testkit", "bench"];

/// The contract carries a context between nodes in gRPC metadata, which are header values of the crate `http`; the tests
/// of `crates/contract` read them.
const EXCEPTIONS: [(&str, &str); 2] = [("crates/contract-runtime", "http"), ("crates/contract", "http")];

/// Every manifest.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for of in repository.crates.iter().filter(|of| !ALLOWED.contains(&of.folder.as_str())) {
        for dependency in of.dependencies.iter().filter(|dependency| HTTP.contains(&dependency.name.as_str())) {
            if EXCEPTIONS.contains(&(of.folder.as_str(), dependency.name.as_str())) {
                continue;
            }
            let why = format!("{} may not depend on {}: only the edge knows HTTP", of.name, dependency.name);
            findings.push(Finding::new(format!("{}/Cargo.toml", of.folder), 1, why));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, with_crate};
    use super::check;

    #[test]
    fn http_in_a_context_is_found() {
        let context = with_crate("pulse-shop", "crates/contexts/shop", &["tokio", "http"]);
        assert_eq!(places(check, &context), ["crates/contexts/shop/Cargo.toml:1"]);
        let edge = with_crate("pulse-edge", "crates/edge", &["http", "axum"]);
        assert!(places(check, &edge).is_empty());
    }
}
