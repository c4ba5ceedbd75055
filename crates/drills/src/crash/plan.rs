//! Parameters and report of a crash test.

use std::path::PathBuf;

use serde::Serialize;

/// Units that arrive per round: fewer than customers ask for.
pub(super) const UNITS_PER_ROUND: usize = 60;

/// Parameters of a crash test.
pub struct Plan {
    /// Path of the binary `pulse`, which runs the node.
    pub program: PathBuf,
    /// Whether customers take part in a flash sale instead of placing and cancelling orders.
    pub is_flash_sale: bool,
    /// Number of kills.
    pub rounds: u32,
    /// Number of customers that send requests concurrently.
    pub customers: usize,
    /// Seed of the moments of the kills.
    pub seed: u64,
    /// Data folder of the node.
    pub data: PathBuf,
    /// URL of an empty database; `None` for the embedded one.
    pub store: Option<String>,
}

/// Result of a crash test.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Number of kills.
    pub kills: u32,
    /// Number of orders that were confirmed to customers as placed.
    pub placed: usize,
    /// Number of orders that were confirmed to customers as cancelled.
    pub cancelled: usize,
    /// Number of requests that were refused because nothing was left.
    pub refused: usize,
    /// Number of requests that a kill left unanswered and that were sent again.
    pub repeated: usize,
    /// Number of findings that `pulse verify` repaired after the kills.
    pub repaired: usize,
    /// Violations: lost or invented orders and units, unexpected answers, findings that could not be repaired.
    pub violations: Vec<String>,
}

impl Report {
    /// Whether there are no violations.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.violations.is_empty()
    }
}
