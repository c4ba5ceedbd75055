//! How the contract is spread over crates.

use crate::Contract;
use crate::model::Model;
use crate::problems::Problems;

/// The crate that code is generated for. Several crates compile side by side, each when its own files have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All packages and lists in one crate.
    Whole,
    /// The package `root`, and the error codes of every package: an answer of another node is looked up by its code.
    Runtime,
    /// The packages below `root` that the files declare. What [`Part::Runtime`] holds is used from there.
    Context,
    /// The lists over all packages, the descriptors and the OpenAPI document. The packages are re-exported.
    Facade,
}

impl Part {
    /// Whether the messages and services of `package` are in this part.
    pub(crate) fn holds(self, package: &str, root: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Runtime => package == root,
            Self::Context => package != root,
            Self::Facade => false,
        }
    }

    /// Whether the lists over all packages are in this part.
    pub(crate) fn has_lists(self) -> bool {
        matches!(self, Self::Whole | Self::Facade)
    }

    /// Reports imports that this part cannot resolve.
    pub(crate) fn check(self, contract: &Contract, model: &Model, problems: &mut Problems) {
        if self != Self::Context {
            return;
        }
        for package in model.packages.values() {
            for file in package.files.iter().filter(|_| package.name != contract.root) {
                if !contract.files.contains(file) {
                    problems
                        .add(file, "belongs to another context: a context uses its own messages and the shared ones");
                }
            }
        }
    }
}
