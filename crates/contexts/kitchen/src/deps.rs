//! Dependencies of the kitchen context.

use pulse_context::Retention;
use pulse_contract::shop::v1::CatalogClient;
use pulse_store::Store;

/// Dependencies of the context.
#[derive(Clone)]
pub struct KitchenDeps {
    /// Tables of the context.
    pub store: Store,
    /// Client of products and menus.
    pub catalog: CatalogClient,
    /// The age at which rows are deleted.
    pub retention: Retention,
}
