//! Tables of the marketing context: rows, queries, and the writes of commits.

pub(crate) mod coupons;
pub(crate) mod order_refunds;
pub(crate) mod purchase_slots;
pub(crate) mod reservations;
pub(crate) mod rewards;
pub(crate) mod templates;

use pulse_context::Tables;
use pulse_store::{Migration, stored_id};

use crate::domain::template::TemplateId;

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "marketing",
    migrations: &[
        Migration { version: 1, name: "coupons", sql: include_str!("../../migrations/0001_coupons.sql") },
        Migration { version: 2, name: "order_refunds", sql: include_str!("../../migrations/0002_order_refunds.sql") },
    ],
};

stored_id!(TemplateId);
