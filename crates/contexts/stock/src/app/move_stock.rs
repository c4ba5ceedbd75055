//! Units that arrive, that somebody has counted, that go to another resource.

use pulse_contract::Validate;
use pulse_contract::stock::v1::{
    AdjustStockRequest, ReplenishStockRequest, ResourceRef as WireRef, Stock, TransferStockRequest,
    TransferStockResponse,
};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, resource, stocked, unasked};
use crate::domain::command::{Change, Reply, Verb};
use crate::view;

pub(crate) async fn replenish_stock(app: &App, cx: &Cx, request: ReplenishStockRequest) -> Result<Stock, Error> {
    request.validate()?;
    let change = change(request.shop_id, request.resource.as_ref(), request.quantity, request.note)?;
    stocked(app.batcher.execute(cx, Verb::Replenish(change)).await?)
}

pub(crate) async fn adjust_stock(app: &App, cx: &Cx, request: AdjustStockRequest) -> Result<Stock, Error> {
    request.validate()?;
    let change = change(request.shop_id, request.resource.as_ref(), request.delta, request.note)?;
    stocked(app.batcher.execute(cx, Verb::Adjust(change)).await?)
}

pub(crate) async fn transfer_stock(
    app: &App,
    cx: &Cx,
    request: TransferStockRequest,
) -> Result<TransferStockResponse, Error> {
    request.validate()?;
    let to = resource(request.to.as_ref())?;
    let change = change(request.shop_id, request.from.as_ref(), request.quantity, request.note)?;
    match app.batcher.execute(cx, Verb::Transfer { change, to }).await? {
        Reply::Transfer(both) => Ok(view::transfer(&both)),
        other @ (Reply::Reservation(_) | Reply::Stock(..) | Reply::Noted) => Err(unasked(&other)),
    }
}

fn change(shop_id: i64, named: Option<&WireRef>, quantity: i64, note: String) -> Result<Change, Error> {
    Ok(Change { shop: ShopId::new(shop_id), resource: resource(named)?, quantity, note })
}
