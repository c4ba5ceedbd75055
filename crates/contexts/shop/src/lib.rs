//! Where one can buy: merchants, shops, categories, products, hours, nearby.
//!
//! **Invariants:** what is not approved is seen by nobody but its owner, its staff and operators; a change is made on
//! the version that was seen, or not at all; the index of what is nearby holds exactly the active shops, and can be
//! lost at any time, because it is built from the rows.

mod app;
mod config;
mod deps;
pub mod domain;
mod places;
mod store;
mod supplier_item_projector;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::shop::v1::{CatalogClient, ShopClient, SupplierClient};
use pulse_kernel::Error;

pub use config::ShopConfig;
pub use deps::ShopDeps;
pub use places::Places;
pub use store::TABLES;

pulse_contract::forward_shop!(app::App, app);
pulse_contract::forward_catalog!(app::App, app);
pulse_contract::forward_supplier!(app::App, app);

/// What the others use of the running context.
pub struct Shops {
    /// Merchants, shops, categories, nearby search.
    pub shops: ShopClient,
    /// Products and menus.
    pub catalog: CatalogClient,
    /// Items of suppliers.
    pub suppliers: SupplierClient,
    /// The index of nearby search, to observe its size.
    pub places: Arc<Places>,
}

/// Starts the context: reads every active shop into the nearby index, if nearby search is served.
///
/// # Errors
/// `STORE_UNAVAILABLE` when the shops cannot be read.
pub async fn start(deps: ShopDeps) -> Result<(Shops, Context), Error> {
    let (store, answers) = (deps.store.clone(), Arc::new(deps.store.clone()));
    let app = app::App::new(deps);
    app.places.fill(&store, &app.zones).await?;
    let shops = ShopClient::in_process(app.clone(), answers.clone());
    let catalog = CatalogClient::in_process(app.clone(), answers.clone());
    let suppliers = SupplierClient::in_process(app.clone(), answers);
    let context = Context::new(&store)
        .service(shops.served())
        .service(catalog.served())
        .service(suppliers.served())
        .consumers([app.item_projector.consumer(&store)]);
    Ok((Shops { shops, catalog, suppliers, places: app.places }, context))
}
