//! What the order context needs.

use pulse_context::Retention;
use pulse_contract::marketing::v1::CouponClient;
use pulse_contract::shop::v1::CatalogClient;
use pulse_contract::stock::v1::StockClient;
use pulse_store::Store;

use crate::config::OrderConfig;

/// What the context needs.
#[derive(Clone)]
pub struct OrderDeps {
    /// Its own tables.
    pub store: Store,
    /// Prices and availability of products.
    pub catalog: CatalogClient,
    /// Reservations of units.
    pub stock: StockClient,
    /// Reservations of coupons and voucher slots.
    pub coupons: CouponClient,
    /// Its section of the configuration.
    pub config: OrderConfig,
    /// The age at which rows are deleted.
    pub retention: Retention,
}
