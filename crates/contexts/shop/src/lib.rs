//! Shops: merchants, applications, categories, products, opening hours, nearby search.
//!
//! **Invariants:** a shop that is not active is visible to its owner, its staff and operators only; a change applies to the
//! version that the caller has read, or fails; the nearby index contains exactly the active shops, and can be rebuilt from
//! the rows at any time.

mod active_shops;
mod app;
mod config;
mod deps;
pub mod domain;
mod store;
mod supplier_item_projector;

use std::sync::Arc;

use pulse_context::Context;
use pulse_contract::shop::v1::{CatalogClient, ShopClient, SupplierClient};
use pulse_kernel::Error;

pub use active_shops::ActiveShops;
pub use config::ShopConfig;
pub use deps::ShopDeps;
pub use store::TABLES;

pulse_contract::forward_shop!(app::App, app);
pulse_contract::forward_catalog!(app::App, app);
pulse_contract::forward_supplier!(app::App, app);

/// Handles of the running context for other parts of the node.
pub struct Shops {
    /// Client of merchants, shops, categories and nearby search.
    pub shops: ShopClient,
    /// Client of products and menus.
    pub catalog: CatalogClient,
    /// Client of supplier items.
    pub suppliers: SupplierClient,
    /// Index of nearby search, to observe its size.
    pub active: Arc<ActiveShops>,
}

/// Starts the context; when the node serves nearby search, reads all active shops into the index.
///
/// # Errors
/// `STORE_UNAVAILABLE` when the shops cannot be read.
pub async fn start(deps: ShopDeps) -> Result<(Shops, Context), Error> {
    let (store, answers) = (deps.store.clone(), Arc::new(deps.store.clone()));
    let app = app::App::new(deps);
    app.active.fill(&store, &app.zones).await?;
    let shops = ShopClient::in_process(app.clone(), answers.clone());
    let catalog = CatalogClient::in_process(app.clone(), answers.clone());
    let suppliers = SupplierClient::in_process(app.clone(), answers);
    let context = Context::new(&store)
        .service(shops.served())
        .service(catalog.served())
        .service(suppliers.served())
        .consumers([app.item_projector.consumer(&store)]);
    Ok((Shops { shops, catalog, suppliers, active: app.active }, context))
}
