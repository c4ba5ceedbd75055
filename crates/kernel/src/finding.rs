//! Results of the verification of invariants.

/// A violated invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Name of the invariant, for example `stock.journal_sums`.
    pub invariant: &'static str,
    /// Subject of the violation, for example `sku 42`.
    pub subject: String,
    /// The violation, with expected and actual value.
    pub detail: String,
    /// Whether the violation was repaired.
    pub is_repaired: bool,
}

/// Result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Number of checked subjects by invariant.
    pub checked: Vec<(&'static str, u64)>,
    /// Violations; at most [`FINDINGS_MAX`] per invariant.
    pub findings: Vec<Finding>,
}

/// Maximum number of reported violations of one invariant.
pub const FINDINGS_MAX: usize = 1_000;
