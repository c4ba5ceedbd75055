//! The use cases, one file each. Every change passes the batcher.

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

/// What every use case works with.
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

fn lines(asked: &[ReservationLine]) -> Result<Vec<Line>, Error> {
    wire::lines_of(asked).ok_or_else(|| common::VALIDATION_FAILED.error("lines: every line needs a resource"))
}

/// The row of a resource, when the shop counts it.
async fn counted(app: &App, shop: ShopId, resource: ResourceRef) -> Result<Resource, Error> {
    let row = resources::by_ref(&app.deps.store, resource).await?;
    row.filter(|row| row.shop == shop && row.is_counted).ok_or_else(view::not_found)
}

/// Replies of the batcher by command; another kind of reply is a defect.
fn told(reply: Reply) -> Result<Reservation, Error> {
    match reply {
        Reply::Reservation(told) => Ok(view::reservation(&told)),
        other @ (Reply::Stock(..) | Reply::Transfer(_) | Reply::Noted) => Err(unasked(&other)),
    }
}

fn stocked(reply: Reply) -> Result<Stock, Error> {
    match reply {
        Reply::Stock(resource, row) => Ok(view::stock(resource, &row)),
        other @ (Reply::Reservation(_) | Reply::Transfer(_) | Reply::Noted) => Err(unasked(&other)),
    }
}

fn unasked(reply: &Reply) -> Error {
    common::INTERNAL.error("the batcher returned another kind of reply").caused_by(format!("{reply:?}"))
}
