//! What a check of invariants has found.

/// One invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which invariant, for example `stock.journal_sums`.
    pub invariant: &'static str,
    /// Of what, for example `sku 42`.
    pub subject: String,
    /// What is wrong, with both numbers.
    pub detail: String,
    /// Whether it was put right.
    pub is_repaired: bool,
}

/// What a check has looked at, and what it has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many things were checked, by invariant.
    pub checked: Vec<(&'static str, u64)>,
    /// What does not hold; at most [`FINDINGS_MAX`] per invariant.
    pub findings: Vec<Finding>,
}

/// How many findings of one invariant are told.
pub const FINDINGS_MAX: usize = 1_000;
