//! Marks an item as out (86) or available; the stock context receives an event.

use pulse_contract::kitchen::v1::{ItemOut, ItemOutChanged, SetItemOutRequest, errors};
use pulse_contract::shop::v1::GetProductRequest;
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Kind};
use pulse_store::Commit;

use super::App;
use crate::store::items::{self, ItemRow};

pub(crate) async fn set_item_out(app: &App, cx: &Cx, request: SetItemOutRequest) -> Result<ItemOut, Error> {
    check_item(app, cx, &request).await?;
    let store = &app.deps.store;
    let (shop, variant) = (ShopId::new(request.shop_id), request.variant_id);
    let answer = ItemOut { variant_id: variant, is_out: request.is_out };
    store
        .attempt(cx, || async {
            let read = items::by_variant(store, shop, variant).await?;
            // An item without a row is available.
            let (is_out, version) = read.map_or((false, 0), |row| (row.is_out, row.version));
            let commit = if is_out == request.is_out {
                Commit::new()
            } else {
                let row = ItemRow { shop, variant, is_out: request.is_out, version: version + 1 };
                items::put(Commit::new(), &row).event(variant, &changed(&row))
            };
            if is_out != request.is_out || cx.idempotency.is_some() {
                store.commit(cx, commit.answer(cx, &answer)).await?;
            }
            Ok(answer)
        })
        .await
}

/// Checks that the product belongs to the shop and the variant to the product.
async fn check_item(app: &App, cx: &Cx, request: &SetItemOutRequest) -> Result<(), Error> {
    let unknown = || {
        let (product, variant) = (request.product_id, request.variant_id);
        let detail = format!("the shop has no product {product} with variant {variant}");
        let error = errors::KITCHEN_ITEM_UNKNOWN.error(detail);
        error.with("product_id", product).with("variant_id", variant)
    };
    let product_request = GetProductRequest { shop_id: request.shop_id, product_id: request.product_id };
    let product = match app.deps.catalog.get_product(&cx.as_system("kitchen.set_item_out"), product_request).await {
        Err(error) if error.kind() == Kind::NotFound => return Err(unknown().caused_by(error)),
        product => product?,
    };
    if product.variants.iter().any(|variant| variant.variant_id == request.variant_id) {
        return Ok(());
    }
    Err(unknown())
}

fn changed(row: &ItemRow) -> ItemOutChanged {
    ItemOutChanged { shop_id: row.shop.get(), variant_id: row.variant, is_out: row.is_out, version: row.version }
}
