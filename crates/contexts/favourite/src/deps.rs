//! What the favourite context needs.

use pulse_contract::shop::v1::{CatalogClient, ShopClient};
use pulse_store::Store;

/// What the context needs.
#[derive(Clone)]
pub struct FavouriteDeps {
    /// Its own tables.
    pub store: Store,
    /// Shops, and their distances.
    pub shops: ShopClient,
    /// Products.
    pub catalog: CatalogClient,
}
