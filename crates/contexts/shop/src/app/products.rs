//! Creates, returns, replaces and deletes products.

use pulse_contract::errors as common;
use pulse_contract::shop::v1::{
    CreateProductRequest, DeleteProductRequest, DeleteProductResponse, GetProductByVariantRequest, GetProductRequest,
    Product, ProductChanged, UpdateProductRequest, errors,
};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::submit_shop_application::check_category;
use super::{App, change_shop, get_shop, product_draft};
use crate::store::categories;
use crate::store::products::{self, ProductId, ProductRow};

pub(crate) async fn create_product(app: &App, cx: &Cx, request: CreateProductRequest) -> Result<Product, Error> {
    let shop = ShopId::new(request.shop_id);
    change_shop::load(app, shop).await?;
    let row = product_draft::row(app, cx, shop, request.product.unwrap_or_default(), &[])?;
    app.deps.store.attempt(cx, || create(app, cx, shop, &row)).await
}

async fn create(app: &App, cx: &Cx, shop: ShopId, row: &ProductRow) -> Result<Product, Error> {
    check_category(app, row.category).await?;
    let store = &app.deps.store;
    let count = products::count_of_shop(store, shop).await?;
    let limit = app.deps.config.products_per_shop_max;
    if count >= limit {
        let detail = format!("a shop can have at most {limit} products, and this one has {count}");
        return Err(errors::SHOP_PRODUCT_LIMIT.error(detail).with("products", count));
    }
    let commit = categories::lock(Commit::new(), row.category);
    let commit = products::keep_within(products::insert(commit, row), shop, limit);
    let commit = commit.event(shop.get(), &changed(row, false));
    let product = view(row.clone());
    store.commit(cx, commit.answer(cx, &product)).await?;
    Ok(product)
}

pub(crate) async fn get_product(app: &App, cx: &Cx, request: GetProductRequest) -> Result<Product, Error> {
    let (shop, id) = (ShopId::new(request.shop_id), ProductId::new(request.product_id));
    get_shop::visible(app, cx, shop).await?;
    let row = products::by_id(&app.deps.store, shop, id).await?;
    row.filter(|row| is_visible(cx, row)).map(view).ok_or_else(|| not_found(id))
}

pub(crate) async fn get_product_by_variant(
    app: &App,
    cx: &Cx,
    request: GetProductByVariantRequest,
) -> Result<Product, Error> {
    let (shop, variant) = (ShopId::new(request.shop_id), request.variant_id);
    get_shop::visible(app, cx, shop).await?;
    let row = products::by_variant(&app.deps.store, shop, variant).await?;
    row.filter(|row| is_visible(cx, row)).map(view).ok_or_else(|| {
        errors::SHOP_PRODUCT_NOT_FOUND
            .error(format!("the shop has no product with variant {variant}"))
            .with("variant_id", variant)
    })
}

/// Whether the caller may see the product of a visible shop.
fn is_visible(cx: &Cx, row: &ProductRow) -> bool {
    row.is_on_sale || cx.actor.works_for(row.shop)
}

pub(crate) async fn update_product(app: &App, cx: &Cx, request: UpdateProductRequest) -> Result<Product, Error> {
    let (shop, id) = (ShopId::new(request.shop_id), ProductId::new(request.product_id));
    let read = load(app, shop, id).await?;
    if read.version != request.version {
        return Err(stale(read.version));
    }
    let draft = request.product.unwrap_or_default();
    let row = product_draft::row(app, cx, shop, draft, &read.details.variants)?;
    check_category(app, row.category).await?;
    let row = ProductRow { id, version: read.version + 1, created_at: read.created_at, ..row };
    let commit = categories::lock(Commit::new(), row.category);
    let commit = products::update(commit, &row).event(shop.get(), &changed(&row, false));
    let outcome = app.deps.store.commit(cx, commit).await;
    app.products.invalidate(&(shop, id));
    match outcome.map_err(Error::from) {
        // Not retried: the caller decided by the version that it has read.
        Err(error) if error.code() == common::STORE_CONTENDED.code => Err(stale(read.version)),
        outcome => outcome.map(|()| view(row)),
    }
}

pub(crate) async fn delete_product(
    app: &App,
    cx: &Cx,
    request: DeleteProductRequest,
) -> Result<DeleteProductResponse, Error> {
    let (shop, id) = (ShopId::new(request.shop_id), ProductId::new(request.product_id));
    let store = &app.deps.store;
    store
        .attempt(cx, || async {
            let Some(row) = products::by_id(store, shop, id).await? else { return Ok(DeleteProductResponse {}) };
            let commit = products::delete(Commit::new(), &row).event(shop.get(), &changed(&row, true));
            let outcome = store.commit(cx, commit).await;
            app.products.invalidate(&(shop, id));
            outcome?;
            Ok(DeleteProductResponse {})
        })
        .await
}

async fn load(app: &App, shop: ShopId, id: ProductId) -> Result<ProductRow, Error> {
    products::by_id(&app.deps.store, shop, id).await?.ok_or_else(|| not_found(id))
}

fn not_found(id: ProductId) -> Error {
    errors::SHOP_PRODUCT_NOT_FOUND.error(format!("product {} does not exist", id.get())).with("product_id", id.get())
}

fn stale(version: i64) -> Error {
    errors::SHOP_VERSION_STALE
        .error(format!("version must be the current version of the product, which is {version}"))
        .with("version", version)
}

fn changed(row: &ProductRow, is_removed: bool) -> ProductChanged {
    ProductChanged { shop_id: row.shop.get(), product_id: row.id.get(), version: row.version, is_removed }
}

pub(super) fn view(row: ProductRow) -> Product {
    Product {
        product_id: row.id.get(),
        shop_id: row.shop.get(),
        name: row.name,
        name_en: row.details.name_en,
        description: row.details.description,
        section: row.details.section,
        category_code: row.category.get(),
        image_urls: row.details.image_urls,
        variants: row.details.variants,
        modifier_groups: row.details.modifier_groups,
        is_on_sale: row.is_on_sale,
        is_shared: row.is_shared,
        version: row.version,
    }
}
