//! Dependencies of the stock context.

use std::sync::Arc;

use pulse_contract::shop::v1::CatalogClient;
use pulse_limiter::Limiter;
use pulse_store::Store;

use crate::config::StockConfig;

/// Dependencies of the stock context.
#[derive(Clone)]
pub struct StockDeps {
    /// Tables of the context.
    pub store: Store,
    /// Client of the catalog: products and their shops.
    pub catalog: CatalogClient,
    /// Leases the permits that bound the concurrent reservations of a resource.
    pub limiter: Arc<dyn Limiter>,
    /// Configuration section `[stock]`.
    pub config: StockConfig,
}
