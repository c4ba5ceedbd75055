//! What the marketing context needs.

use pulse_context::Retention;
use pulse_contract::stock::v1::StockClient;
use pulse_store::Store;

use crate::config::CouponConfig;

/// What the context needs.
#[derive(Clone)]
pub struct CouponDeps {
    /// Its own tables.
    pub store: Store,
    /// Counts the quotas of templates.
    pub stock: StockClient,
    /// Its section of the configuration.
    pub config: CouponConfig,
    /// The age at which rows are deleted.
    pub retention: Retention,
}
