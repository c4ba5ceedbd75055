//! What the shop context needs.

use pulse_store::Store;

use crate::config::ShopConfig;

/// What the context needs.
#[derive(Clone)]
pub struct ShopDeps {
    /// Its own tables.
    pub store: Store,
    /// Its section of the configuration.
    pub config: ShopConfig,
    /// Whether to keep the active shops in memory for nearby search. A process that only imports does not need them.
    pub is_nearby_served: bool,
}
