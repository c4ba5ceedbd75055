//! Creates the stock record of a resource, or changes its rules.

use pulse_contract::Validate;
use pulse_contract::errors as common;
use pulse_contract::shop::v1::GetProductRequest;
use pulse_contract::stock::v1::{PutResourceRequest, PutStockRequest, Stock, StockRules};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, resource, stock_reply};
use crate::domain::command::Verb;
use crate::domain::resource::{Kind, ResourceRef, Rules};
use crate::{view, wire};

/// For a variant, which must belong to the product of the shop.
pub(crate) async fn put_stock(app: &App, cx: &Cx, request: PutStockRequest) -> Result<Stock, Error> {
    request.validate()?;
    let rules = rules(request.rules.as_ref())?;
    let get = GetProductRequest { shop_id: request.shop_id, product_id: request.product_id };
    let product = app.deps.catalog.get_product(&cx.as_system("stock.put"), get).await?;
    if !product.variants.iter().any(|variant| variant.variant_id == request.variant_id) {
        return Err(view::not_found());
    }
    let resource = ResourceRef { id: request.variant_id, kind: Kind::Sku };
    let verb = Verb::Put { shop: ShopId::new(request.shop_id), resource, rules, on_hand: 0 };
    stock_reply(app.batcher.execute(cx, verb).await?)
}

/// For a resource of any kind.
pub(crate) async fn put_resource(app: &App, cx: &Cx, request: PutResourceRequest) -> Result<Stock, Error> {
    request.validate()?;
    let verb = Verb::Put {
        shop: ShopId::new(request.shop_id),
        resource: resource(request.resource.as_ref())?,
        rules: rules(request.rules.as_ref())?,
        on_hand: request.on_hand,
    };
    stock_reply(app.batcher.execute(cx, verb).await?)
}

fn rules(named: Option<&StockRules>) -> Result<Rules, Error> {
    named.map(wire::rules_of).ok_or_else(|| common::VALIDATION_FAILED.error("rules is required"))
}
