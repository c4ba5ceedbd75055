//! The use cases, one file each.

mod categories;
mod change_shop;
mod export_shops;
mod get_shop;
pub(crate) mod hours;
mod import_shops;
mod list_nearby;
mod list_shops;
mod menus;
mod merchants;
mod move_category;
mod offers;
mod product_draft;
mod products;
mod review_shop;
mod submit_shop_application;
mod supplier_items;
mod text_rules;
mod view;
mod withdraw_shop_application;

use std::sync::Arc;
use std::time::Duration;

use pulse_cache::{Cache, CachePolicy};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use crate::active_shops::ActiveShops;
use crate::deps::ShopDeps;
use crate::domain;
use crate::store::products::{ProductId, ProductRow};
use crate::store::shops::ShopRow;
use crate::supplier_item_projector::SupplierItemProjector;
use hours::Zones;

pub(crate) use categories::{create_category, list_categories};
pub(crate) use change_shop::{close_shop, reopen_shop, set_hours, update_shop};
pub(crate) use export_shops::export_shops;
pub(crate) use get_shop::get_shop;
pub(crate) use import_shops::import_shops;
pub(crate) use list_nearby::list_nearby;
pub(crate) use list_shops::{list_merchant_shops, list_shops};
pub(crate) use menus::{get_menu, list_catalog};
pub(crate) use merchants::{create_merchant, get_merchant, list_my_merchants};
pub(crate) use move_category::move_category;
pub(crate) use offers::{get_offers, set_terms};
pub(crate) use products::{create_product, delete_product, get_product, get_product_by_variant, update_product};
pub(crate) use review_shop::review_shop;
pub(crate) use submit_shop_application::submit_shop_application;
pub(crate) use supplier_items::{get_supplier_item, list_supplier_items, put_supplier_items};
pub(crate) use withdraw_shop_application::withdraw_shop_application;

/// A shop with its parsed opening hours.
#[derive(Debug)]
pub(crate) struct KnownShop {
    pub(crate) row: ShopRow,
    pub(crate) hours: Option<Arc<domain::hours::Hours>>,
}

/// A cached product.
pub(crate) type KnownProduct = Arc<ProductRow>;

/// State that all use cases share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) deps: Arc<ShopDeps>,
    pub(crate) active: Arc<ActiveShops>,
    pub(crate) item_projector: SupplierItemProjector,
    pub(crate) zones: Arc<Zones>,
    pub(crate) cache: Cache<ShopId, Arc<KnownShop>>,
    pub(crate) products: Cache<(ShopId, ProductId), KnownProduct>,
    pub(crate) categories: Cache<i64, Arc<pulse_contract::shop::v1::ListCategoriesResponse>>,
}

impl App {
    pub(crate) fn new(deps: ShopDeps) -> Self {
        let clock = deps.store.clock().clone();
        // Another node may change a shop, so an answer can be stale for ten seconds.
        let policy = CachePolicy { ttl: Duration::from_secs(10), weight_max: 50_000, ..CachePolicy::default() };
        Self {
            active: Arc::new(ActiveShops::new(deps.is_nearby_served)),
            item_projector: SupplierItemProjector::start(
                deps.store.clone(),
                deps.config.item_list_window,
                deps.config.item_list_items_max,
            ),
            zones: Arc::new(Zones::new(&deps.config.time_zone)),
            cache: Cache::new("shop", policy.clone(), clock.clone()),
            products: Cache::new("product", policy.clone(), clock.clone()),
            categories: Cache::new("category", policy, clock),
            deps: Arc::new(deps),
        }
    }

    /// Commits a change of one shop and updates cache and index.
    pub(crate) async fn commit_shop(&self, cx: &Cx, id: ShopId, commit: Commit) -> Result<(), Error> {
        let outcome = self.deps.store.commit(cx, commit).await;
        self.cache.invalidate(&id);
        outcome?;
        self.active.reload(&self.deps.store, id, &self.zones).await
    }
}
