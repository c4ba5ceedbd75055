//! Makes a resource, or changes its rules.

use pulse_contract::Validate;
use pulse_contract::errors as common;
use pulse_contract::shop::v1::GetProductRequest;
use pulse_contract::stock::v1::{PutResourceRequest, PutStockRequest, Stock, StockRules};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::{App, resource, stocked};
use crate::domain::command::Verb;
use crate::domain::resource::{Kind, ResourceRef, Rules};
use crate::{view, wire};

/// Of a variant, which must be one of the shop's product.
pub(crate) async fn put_stock(app: &App, cx: &Cx, request: PutStockRequest) -> Result<Stock, Error> {
    request.validate()?;
    let rules = rules(request.rules.as_ref())?;
    let asked = GetProductRequest { shop_id: request.shop_id, product_id: request.product_id };
    let product = app.deps.catalog.get_product(&cx.as_system("stock.put"), asked).await?;
    if !product.variants.iter().any(|variant| variant.variant_id == request.variant_id) {
        return Err(view::not_found());
    }
    let resource = ResourceRef { id: request.variant_id, kind: Kind::Sku };
    let verb = Verb::Put { shop: ShopId::new(request.shop_id), resource, rules, on_hand: 0 };
    stocked(app.batcher.execute(cx, verb).await?)
}

/// Of any kind.
pub(crate) async fn put_resource(app: &App, cx: &Cx, request: PutResourceRequest) -> Result<Stock, Error> {
    request.validate()?;
    let verb = Verb::Put {
        shop: ShopId::new(request.shop_id),
        resource: resource(request.resource.as_ref())?,
        rules: rules(request.rules.as_ref())?,
        on_hand: request.on_hand,
    };
    stocked(app.batcher.execute(cx, verb).await?)
}

fn rules(named: Option<&StockRules>) -> Result<Rules, Error> {
    named.map(wire::rules_of).ok_or_else(|| common::VALIDATION_FAILED.error("rules is required"))
}
