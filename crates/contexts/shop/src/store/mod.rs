//! Tables of the shop context: rows, queries, and the writes of commits.

pub(crate) mod categories;
pub(crate) mod items;
pub(crate) mod merchants;
pub(crate) mod products;
pub(crate) mod shops;

use pulse_context::Tables;
use pulse_store::{Migration, stored_number};

use crate::domain::category::Code;

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "shop",
    migrations: &[Migration { version: 1, name: "shops", sql: include_str!("../../migrations/0001_shops.sql") }],
};

stored_number! {
    Code: Code::get, |number| Some(Code::new(number).unwrap_or(Code::ALL));
}
