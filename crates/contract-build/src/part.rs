//! How the contract is spread over crates.

use crate::Contract;
use crate::model::Package;

/// The crate that code is generated for. Several crates compile side by side, each when its own files have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All packages and lists in one crate.
    Whole,
    /// The package `root`, and the error codes of every package: an answer of another node is looked up by its code.
    Runtime,
    /// The packages below `root` that the files declare. What [`Part::Runtime`] holds is used from there, and what the
    /// files import of another context from the crate of that context.
    Context,
    /// The lists over all packages, the descriptors and the OpenAPI document. The packages are re-exported.
    Facade,
}

impl Part {
    /// Whether the messages and services of `package` are in this part of `contract`.
    pub(crate) fn holds(self, package: &Package, contract: &Contract) -> bool {
        let is_root = package.name == contract.root;
        match self {
            Self::Whole => true,
            Self::Runtime => is_root,
            Self::Context => !is_root && package.files.iter().any(|file| contract.files.contains(file)),
            Self::Facade => false,
        }
    }

    /// Whether the lists over all packages are in this part.
    pub(crate) fn has_lists(self) -> bool {
        matches!(self, Self::Whole | Self::Facade)
    }
}
