//! Report of an import.

use serde::{Deserialize, Serialize};

/// Result of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Report {
    /// Number of rows read, including refused ones.
    pub read_count: u64,
    /// Number of created shops.
    pub created_count: u64,
    /// Number of updated shops.
    pub updated_count: u64,
    /// Number of shops that were already stored with the same values.
    pub unchanged_count: u64,
    /// Number of refused rows.
    pub refused_count: u64,
    /// The first refused rows.
    pub refused: Vec<Refused>,
    /// Number of imported rows with a value that has no effect.
    #[serde(default)]
    pub notice_count: u64,
    /// The first of these rows.
    #[serde(default)]
    pub notices: Vec<Notice>,
    /// Number of rows that an earlier, interrupted import had read.
    pub resumed_after_count: u64,
}

/// A refused row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Refused {
    /// Line number in the file, from 1.
    pub line: u64,
    /// Number of the feature or element in a JSON file, from 1; absent in files of lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<u64>,
    /// ID of the row in its source; empty if it could not be read.
    pub external_id: String,
    /// Error code.
    pub code: String,
    /// Reason, for people.
    pub reason: String,
}

/// Notice about a row that was imported.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Notice {
    /// Line number in the file, from 1.
    pub line: u64,
    /// Number of the feature or element in a JSON file, from 1; absent in files of lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<u64>,
    /// ID of the row in its source.
    pub external_id: String,
    /// Explanation, for people.
    pub text: String,
}
