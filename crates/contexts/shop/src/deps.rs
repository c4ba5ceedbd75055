//! Dependencies of the shop context.

use pulse_store::Store;

use crate::config::ShopConfig;

/// Dependencies of the context.
#[derive(Clone)]
pub struct ShopDeps {
    /// Tables of the context.
    pub store: Store,
    /// Section `[shop]` of the configuration.
    pub config: ShopConfig,
    /// Whether the node serves nearby search. A process that only imports does not need the index.
    pub is_nearby_served: bool,
}
