//! Where one can buy: merchants, shops, categories, products, hours, nearby.
//!
//! **Invariants:** what is not approved is seen by nobody but its owner, its staff and operators; a change is made on
//! the version that was seen, or not at all; the index of what is nearby holds exactly the active shops, and can be
//! lost at any time, because it is built from the rows.

mod api;
mod app;
pub mod domain;
mod item_list;
mod places;
mod store;

use std::sync::Arc;

use pulse_bus::Consumer;
use pulse_contract::shop::v1::{
    CatalogClient, CatalogService, ShopClient, ShopService, SupplierClient, SupplierService,
};
use pulse_kernel::Error;
use pulse_store::Store;

pub use item_list::ItemListConfig;
pub use places::Places;
pub use store::MIGRATIONS;

/// How the context behaves.
#[derive(Clone, Debug)]
pub struct ShopConfig {
    /// The zone of opening hours that name none, an IANA name.
    pub time_zone: String,
    /// How many shops a merchant may have.
    pub shops_per_merchant_max: i64,
    /// How many products a shop may have; a menu shows at most 500.
    pub products_per_shop_max: i64,
    /// When changes of suppliers' items reach the list.
    pub item_list: ItemListConfig,
}

impl Default for ShopConfig {
    fn default() -> Self {
        Self {
            time_zone: "Asia/Shanghai".into(),
            shops_per_merchant_max: 200,
            products_per_shop_max: 500,
            item_list: ItemListConfig::default(),
        }
    }
}

/// Whether there is a time zone of this IANA name.
#[must_use]
pub fn is_time_zone(name: &str) -> bool {
    domain::hours::Zone::new(name).is_some()
}

/// What the context needs.
#[derive(Clone)]
pub struct ShopDeps {
    /// Its own tables.
    pub store: Store,
    /// How it behaves.
    pub config: ShopConfig,
    /// Whether to keep the active shops in memory and answer what is nearby; a process that imports has no use for it.
    pub is_nearby_served: bool,
}

/// The services of the context.
pub struct Shops {
    /// Merchants, shops, categories, what is nearby.
    pub shops: ShopClient,
    /// Products and menus.
    pub catalog: CatalogClient,
    /// What suppliers offer.
    pub suppliers: SupplierClient,
    /// What the context does when events arrive.
    pub consumers: Vec<Consumer>,
    /// The index of what is nearby, for watching its size.
    pub places: Arc<Places>,
}

/// Starts the context: reads every active shop into the index, if that is served, then serves.
///
/// # Errors
/// `STORE_UNAVAILABLE` when the shops cannot be read.
pub async fn start(deps: ShopDeps) -> Result<Shops, Error> {
    let answers = Arc::new(deps.store.clone());
    let app = app::App::new(deps);
    app.places.fill(&app.deps.store, &app.zones).await?;
    let places = Arc::clone(&app.places);
    let consumers = vec![app.item_list.consumer(&app.deps.store)];
    let api = Arc::new(api::Api(app));
    Ok(Shops {
        shops: ShopClient::local(Arc::new(ShopService::new(api.clone(), answers.clone()))),
        catalog: CatalogClient::local(Arc::new(CatalogService::new(api.clone(), answers.clone()))),
        suppliers: SupplierClient::local(Arc::new(SupplierService::new(api, answers))),
        consumers,
        places,
    })
}
