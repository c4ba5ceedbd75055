//! What the kitchen context needs and how it is configured.

use pulse_context::Retention;
use pulse_contract::shop::v1::CatalogClient;
use pulse_store::Store;

/// What the context needs.
#[derive(Clone)]
pub struct KitchenDeps {
    /// Its own tables.
    pub store: Store,
    /// Products and menus.
    pub catalog: CatalogClient,
    /// The age at which rows are deleted.
    pub retention: Retention,
}
