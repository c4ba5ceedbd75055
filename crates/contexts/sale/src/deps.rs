//! What the sale context needs.

use std::sync::Arc;

use pulse_contract::marketing::v1::CouponClient;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::shop::v1::CatalogClient;
use pulse_contract::stock::v1::StockClient;
use pulse_limiter::Limiter;
use pulse_limiter::admission::AdmissionEngine;
use pulse_store::Store;

use crate::config::SaleConfig;
use crate::domain::challenge::Challenge;

/// What the context needs.
#[derive(Clone)]
pub struct SaleDeps {
    /// Its own tables.
    pub store: Store,
    /// Products and their shops.
    pub catalog: CatalogClient,
    /// Vouchers.
    pub coupons: CouponClient,
    /// The units of sales.
    pub stock: StockClient,
    /// Creates the orders of admitted customers.
    pub orders: OrderClient,
    /// Limits how often a customer may call.
    pub limiter: Arc<dyn Limiter>,
    /// Decides which customers get units.
    pub sales: Arc<dyn AdmissionEngine>,
    /// The challenge before a ticket.
    pub challenge: Arc<dyn Challenge>,
    /// The name of this node among those that share the database.
    pub holder: String,
    /// Its section of the configuration.
    pub config: SaleConfig,
}
