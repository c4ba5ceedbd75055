//! Dependencies of the marketing context.

use pulse_context::Retention;
use pulse_contract::stock::v1::StockClient;
use pulse_store::Store;

use crate::config::CouponConfig;

/// Dependencies of the context.
#[derive(Clone)]
pub struct CouponDeps {
    /// Tables of the context.
    pub store: Store,
    /// Client of the stock context, which counts the quotas of templates.
    pub stock: StockClient,
    /// Section `[marketing]` of the configuration.
    pub config: CouponConfig,
    /// The age at which rows are deleted.
    pub retention: Retention,
}
