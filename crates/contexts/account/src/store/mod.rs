//! Tables of the account context: rows, queries, and the writes of commits.

pub(crate) mod accounts;
pub(crate) mod check_ins;
pub(crate) mod codes;
pub(crate) mod follows;
pub(crate) mod passwords;
pub(crate) mod sessions;

use pulse_context::Tables;
use pulse_store::Migration;

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "account",
    migrations: &[
        Migration { version: 1, name: "accounts", sql: include_str!("../../migrations/0001_accounts.sql") },
        Migration { version: 2, name: "session_expiry", sql: include_str!("../../migrations/0002_session_expiry.sql") },
    ],
};
