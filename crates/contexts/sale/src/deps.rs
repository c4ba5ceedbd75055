//! Dependencies of the sale context.

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

/// Dependencies of the sale context.
#[derive(Clone)]
pub struct SaleDeps {
    /// Tables of the context.
    pub store: Store,
    /// Client of the catalog: products and their shops.
    pub catalog: CatalogClient,
    /// Client of the marketing context: templates of vouchers.
    pub coupons: CouponClient,
    /// Client of the stock context, which contains the units of sales.
    pub stock: StockClient,
    /// Client of the order context, which creates the orders of admitted buyers.
    pub orders: OrderClient,
    /// Rate limiter for admissions and answers.
    pub limiter: Arc<dyn Limiter>,
    /// Admission engine: decides which buyers are admitted.
    pub sales: Arc<dyn AdmissionEngine>,
    /// Challenge that a buyer solves before a ticket is issued.
    pub challenge: Arc<dyn Challenge>,
    /// Name of this node, unique among the nodes that share the database.
    pub holder: String,
    /// Configuration section `[sale]`.
    pub config: SaleConfig,
}
