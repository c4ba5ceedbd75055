//! The use cases, one file each. Every change goes through the batcher.

mod confirm_reservation;
mod expire_reservation;
mod explain_stock;
mod get_reservation;
mod get_stock;
mod get_stock_at;
mod halt_stock;
mod list_movements;
mod move_stock;
mod permits;
mod put_stock;
mod release_reservation;
mod reserve;
mod reserve_many;

use std::sync::Arc;

use pulse_contract::errors as common;
use pulse_contract::stock::v1::{Reservation, ReservationKey, ReservationLine, ResourceRef as WireRef, Stock};
use pulse_kernel::Error;
use pulse_kernel::id::ShopId;

use crate::batcher::StockBatcher;
use crate::deps::StockDeps;
use crate::domain::command::Reply;
use crate::domain::reservation::{Key, Line};
use crate::domain::resource::{Resource, ResourceRef};
use crate::store::resources;
use crate::{view, wire};

pub(crate) use confirm_reservation::confirm_reservation;
pub(crate) use expire_reservation::expire_reservation;
pub(crate) use explain_stock::explain_stock;
pub(crate) use get_reservation::{get_reservation, list_active_reservations};
pub(crate) use get_stock::{get_stock, list_stock};
pub(crate) use get_stock_at::get_stock_at;
pub(crate) use halt_stock::halt_stock;
pub(crate) use list_movements::list_movements;
pub(crate) use move_stock::{adjust_stock, replenish_stock, transfer_stock};
pub(crate) use put_stock::{put_resource, put_stock};
pub(crate) use release_reservation::{release_cancelled, release_reservation};
pub(crate) use reserve::reserve;
pub(crate) use reserve_many::reserve_many;

/// Dependencies of the use cases.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) deps: Arc<StockDeps>,
    pub(crate) batcher: StockBatcher,
}

impl App {
    pub(crate) fn new(deps: StockDeps) -> Self {
        let batcher = StockBatcher::start(deps.store.clone(), &deps.config);
        Self { deps: Arc::new(deps), batcher }
    }
}

fn resource(named: Option<&WireRef>) -> Result<ResourceRef, Error> {
    wire::resource_of(named)
        .ok_or_else(|| common::VALIDATION_FAILED.error("resource.kind and resource.id are required"))
}

fn key(named: Option<&ReservationKey>) -> Result<Key, Error> {
    wire::key_of(named).ok_or_else(|| common::VALIDATION_FAILED.error("key.owner and key.id are required"))
}

fn lines(requested: &[ReservationLine]) -> Result<Vec<Line>, Error> {
    wire::lines_of(requested).ok_or_else(|| common::VALIDATION_FAILED.error("lines: every line needs a resource"))
}

/// Returns the row of a resource.
///
/// # Errors
/// `STOCK_NOT_FOUND` if the shop has no stock record of the resource.
async fn counted(app: &App, shop: ShopId, resource: ResourceRef) -> Result<Resource, Error> {
    let row = resources::by_ref(&app.deps.store, resource).await?;
    row.filter(|row| row.shop == shop && row.is_counted).ok_or_else(view::not_found)
}

/// The message of a reply with a reservation. Another kind of reply is a defect.
fn reservation_reply(reply: Reply) -> Result<Reservation, Error> {
    match reply {
        Reply::Reservation(result) => Ok(view::reservation(&result)),
        other @ (Reply::Stock(..) | Reply::Transfer(_) | Reply::Empty) => Err(unexpected(&other)),
    }
}

/// The message of a reply with a resource. Another kind of reply is a defect.
fn stock_reply(reply: Reply) -> Result<Stock, Error> {
    match reply {
        Reply::Stock(resource, row) => Ok(view::stock(resource, &row)),
        other @ (Reply::Reservation(_) | Reply::Transfer(_) | Reply::Empty) => Err(unexpected(&other)),
    }
}

fn unexpected(reply: &Reply) -> Error {
    common::INTERNAL.error("the batcher returned another kind of reply").caused_by(format!("{reply:?}"))
}
