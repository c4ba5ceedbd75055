//! The tables of favourites.

pub(crate) mod marks;

use pulse_context::Tables;
use pulse_store::Migration;

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "favourite",
    migrations: &[Migration {
        version: 1,
        name: "favourites",
        sql: include_str!("../../migrations/0001_favourites.sql"),
    }],
};
