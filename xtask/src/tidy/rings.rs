//! Dependencies point inward: kernel <- contract <- platform <- contexts <- edge, console <- node <-
//! drills <- pulse.
//!
//! A context never depends on another context: it calls the generated client. Tests may reach for `testkit`,
//! and what `testkit` starts is its own business.

use super::Finding;
use crate::repository::{Crate, Repository};

/// Which rings a ring may depend on. The ring of a crate is decided by its folder.
const RINGS: &[(&str, &str, &[&str])] = &[
    ("kernel", "crates/kernel", &[]),
    ("contract-build", "crates/contract-build", &["kernel"]),
    ("contract", "crates/contract-runtime", &["kernel", "contract-build", "contract"]),
    ("contract", "crates/contracts/", &["kernel", "contract-build", "contract"]),
    ("contract", "crates/contract", &["kernel", "contract-build", "contract"]),
    ("platform", "crates/platform/", &["kernel", "contract", "platform"]),
    ("contexts", "crates/contexts/", &["kernel", "contract", "platform"]),
    ("exchange", "crates/exchange", &["kernel"]),
    ("city", "crates/city", &["kernel"]),
    ("edge", "crates/edge", &["kernel", "contract", "platform"]),
    ("console", "crates/console", &["kernel", "contract", "platform", "edge"]),
    ("bench", "bench", &["kernel"]),
    ("node", "crates/node", &["kernel", "contract", "platform", "contexts", "exchange", "edge", "console"]),
    ("drills", "crates/drills", &["kernel", "contract", "platform", "contexts", "exchange", "city", "bench", "node"]),
    ("pulse", "crates/pulse", &["kernel", "contract", "platform", "exchange", "city", "bench", "node", "drills"]),
    ("testkit-macros", "crates/testkit-macros", &[]),
    (
        "testkit",
        "crates/testkit",
        &[
            "testkit-macros",
            "kernel",
            "contract",
            "platform",
            "contexts",
            "exchange",
            "city",
            "edge",
            "console",
            "node",
        ],
    ),
];

/// Every arrow of every manifest.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for of in &repository.crates {
        let Some((ring, allowed)) = ring(&of.folder) else {
            // The chores and the list of features stand outside: nothing depends on them.
            if of.folder != "xtask" && of.folder != "crates/features" {
                let why = format!("{} is in no ring; name its ring in xtask/src/tidy/rings.rs", of.name);
                findings.push(Finding::new(format!("{}/Cargo.toml", of.folder), 1, why));
            }
            continue;
        };
        for dependency in &of.dependencies {
            let Some(target) = target(repository, &dependency.name) else { continue };
            let to_testkit = dependency.is_dev && target == "testkit";
            if !allowed.contains(&target) && !to_testkit {
                findings.push(Finding::new(format!("{}/Cargo.toml", of.folder), 1, why(of, ring, &dependency.name)));
            }
        }
    }
    findings
}

fn ring(folder: &str) -> Option<(&'static str, &'static [&'static str])> {
    let is_in = |place: &str| if place.ends_with('/') { folder.starts_with(place) } else { folder == place };
    RINGS.iter().find(|(_, place, _)| is_in(place)).map(|(ring, _, allowed)| (*ring, *allowed))
}

/// The ring of a crate of ours; nothing for the crates of others.
fn target(repository: &Repository, name: &str) -> Option<&'static str> {
    let ours = repository.crates.iter().find(|of| of.name == name)?;
    ring(&ours.folder).map(|(ring, _)| ring).or(Some("no ring"))
}

fn why(of: &Crate, ring: &str, dependency: &str) -> String {
    if ring == "contexts" {
        return format!(
            "{} may not depend on {dependency}: call another context through its generated client",
            of.name
        );
    }
    format!("{} ({ring}) may not depend on {dependency}: dependencies point inward", of.name)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, with_crate};
    use super::check;
    use crate::repository::Repository;

    /// The crate under test beside its possible targets.
    fn workspace(name: &str, folder: &str, dependencies: &[&str]) -> Repository {
        let mut repository = with_crate(name, folder, dependencies);
        for (name, folder) in [
            ("pulse-kernel", "crates/kernel"),
            ("pulse-shop", "crates/contexts/shop"),
            ("pulse-edge", "crates/edge"),
            ("pulse-testkit", "crates/testkit"),
        ] {
            repository.crates.append(&mut with_crate(name, folder, &[]).crates);
        }
        repository
    }

    /// PL-56: a dependency that points outward, or sideways, is found.
    #[test]
    fn outward_and_sideways_are_found() {
        let sideways = workspace("pulse-account", "crates/contexts/account", &["pulse-kernel", "pulse-shop"]);
        assert_eq!(places(check, &sideways), ["crates/contexts/account/Cargo.toml:1"]);
        let outward = workspace("pulse-store", "crates/platform/store", &["pulse-edge"]);
        assert_eq!(places(check, &outward), ["crates/platform/store/Cargo.toml:1"]);
    }

    #[test]
    fn tests_reach_the_testkit_and_nothing_else_outward() {
        let allowed = workspace("pulse-store", "crates/platform/store", &["dev:pulse-testkit"]);
        assert!(places(check, &allowed).is_empty());
        let hidden = workspace("pulse-store", "crates/platform/store", &["dev:pulse-shop"]);
        assert_eq!(places(check, &hidden).len(), 1);
    }

    #[test]
    fn a_crate_without_a_ring_is_found() {
        let lost = workspace("pulse-lost", "crates/lost", &[]);
        assert_eq!(places(check, &lost), ["crates/lost/Cargo.toml:1"]);
    }
}
