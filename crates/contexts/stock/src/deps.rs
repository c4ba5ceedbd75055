//! What the stock context needs.

use std::sync::Arc;

use pulse_contract::shop::v1::CatalogClient;
use pulse_limiter::Limiter;
use pulse_store::Store;

use crate::config::StockConfig;

/// What the context needs.
#[derive(Clone)]
pub struct StockDeps {
    /// Its own tables.
    pub store: Store,
    /// Products and their shops.
    pub catalog: CatalogClient,
    /// Leases the permits that bound the concurrent reservations of a resource.
    pub limiter: Arc<dyn Limiter>,
    /// Its section of the configuration.
    pub config: StockConfig,
}
