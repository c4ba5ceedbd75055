//! Tables of the stock context: rows, queries, and the writes of commits.

pub(crate) mod changes;
pub(crate) mod movements;
pub(crate) mod reservations;
pub(crate) mod resources;

use pulse_context::Tables;
use pulse_contract::stock::v1 as wire;
use pulse_store::{Migration, row, stored_enum};

use crate::domain::journal::MovementKind;
use crate::domain::reservation::{Key, Owner, State};
use crate::domain::resource::{Kind, ResourceRef};

/// The tables of the context.
pub const TABLES: Tables = Tables {
    context: "stock",
    migrations: &[Migration { version: 1, name: "stock", sql: include_str!("../../migrations/0001_stock.sql") }],
};

/// Maximum number of IDs in one query.
const IDS_MAX: usize = 2_048;

stored_enum! { Kind as wire::ResourceKind }
stored_enum! { Owner as wire::ReservationOwner }
stored_enum! { MovementKind as wire::MovementKind }
stored_enum! { State as wire::ReservationState }

row! { ResourceRef { id = "ref_id", kind = "kind" } }

row! { Key { id = "owner_id", owner = "owner" } }
