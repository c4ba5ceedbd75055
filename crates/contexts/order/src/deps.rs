//! Dependencies of the order context.

use std::sync::Arc;

use pulse_context::Retention;
use pulse_contract::marketing::v1::CouponClient;
use pulse_contract::shop::v1::CatalogClient;
use pulse_contract::stock::v1::StockClient;
use pulse_kernel::Money;
use pulse_store::Store;

use crate::config::OrderConfig;

/// Checks whether an amount can be paid online. The error is the rule that it violates, for people.
pub type OnlineAmountCheck = Arc<dyn Fn(Money) -> Result<(), String> + Send + Sync>;

/// Dependencies of the context.
#[derive(Clone)]
pub struct OrderDeps {
    /// Tables of the context.
    pub store: Store,
    /// Prices and availability of products.
    pub catalog: CatalogClient,
    /// Reservations of units.
    pub stock: StockClient,
    /// Reservations of coupons and voucher slots.
    pub coupons: CouponClient,
    /// Amounts that the payment provider can charge.
    pub online_amounts: OnlineAmountCheck,
    /// Section `[order]` of the configuration.
    pub config: OrderConfig,
    /// Ages at which rows are deleted.
    pub retention: Retention,
}
