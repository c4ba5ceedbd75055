//! The rows of the context.

use pulse_store::Migration;

/// The tables of the context, oldest first.
pub const MIGRATIONS: &[Migration] = &[];
