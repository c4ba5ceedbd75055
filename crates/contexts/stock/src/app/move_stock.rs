//! Movements of units: replenishment, adjustment, transfer to another resource.

use pulse_contract::Validate;
use pulse_contract::shop::v1::GetProductByVariantRequest;
use pulse_contract::stock::v1::{
    AdjustStockRequest, ReplenishStockRequest, ResourceRef as WireRef, Stock, TransferStockRequest,
    TransferStockResponse, errors,
};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Kind as ErrorKind};

use super::{App, resource, stock_reply, unexpected};
use crate::domain::command::{Change, Reply, Verb};
use crate::domain::resource::Kind;
use crate::view;

pub(crate) async fn replenish_stock(app: &App, cx: &Cx, request: ReplenishStockRequest) -> Result<Stock, Error> {
    request.validate()?;
    let change = change(request.shop_id, request.resource.as_ref(), request.quantity, request.note)?;
    match app.batcher.execute(cx, Verb::Replenish(change.clone())).await {
        Err(error) if error.code() == errors::STOCK_NOT_FOUND.code && is_variant(app, cx, &change).await? => {
            stock_reply(app.batcher.execute(cx, Verb::ReplenishNew(change)).await?)
        }
        reply => stock_reply(reply?),
    }
}

pub(crate) async fn adjust_stock(app: &App, cx: &Cx, request: AdjustStockRequest) -> Result<Stock, Error> {
    request.validate()?;
    let change = change(request.shop_id, request.resource.as_ref(), request.delta, request.note)?;
    stock_reply(app.batcher.execute(cx, Verb::Adjust(change)).await?)
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
        other @ (Reply::Reservation(_) | Reply::Stock(..) | Reply::Empty) => Err(unexpected(&other)),
    }
}

/// Whether the resource is a variant of a product of the shop.
async fn is_variant(app: &App, cx: &Cx, change: &Change) -> Result<bool, Error> {
    if change.resource.kind != Kind::Sku {
        return Ok(false);
    }
    let request = GetProductByVariantRequest { shop_id: change.shop.get(), variant_id: change.resource.id };
    match app.deps.catalog.get_product_by_variant(&cx.as_system("stock.replenish"), request).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn change(shop_id: i64, named: Option<&WireRef>, quantity: i64, note: String) -> Result<Change, Error> {
    Ok(Change { shop: ShopId::new(shop_id), resource: resource(named)?, quantity, note })
}
