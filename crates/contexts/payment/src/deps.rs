//! What the payment context needs.

use std::sync::Arc;

use pulse_context::Retention;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::shop::v1::CatalogClient;
use pulse_store::Store;

use crate::config::PaymentConfig;
use crate::outbound::Outbound;

/// What the context needs.
#[derive(Clone)]
pub struct PaymentDeps {
    /// Its own tables.
    pub store: Store,
    /// Amounts and states of orders.
    pub orders: OrderClient,
    /// Time zones of shops.
    pub catalog: CatalogClient,
    /// The HTTP client that reaches providers.
    pub outbound: Arc<dyn Outbound>,
    /// Signs the webhooks of the sandbox and makes its pages unguessable: 32 random bytes, the same on every node.
    pub secret: [u8; 32],
    /// Its section of the configuration.
    pub config: PaymentConfig,
    /// The age at which rows are deleted.
    pub retention: Retention,
}
