//! Dependencies of the payment context.

use std::sync::Arc;

use pulse_context::Retention;
use pulse_contract::order::v1::OrderClient;
use pulse_contract::shop::v1::CatalogClient;
use pulse_store::Store;

use crate::config::PaymentConfig;
use crate::outbound::Outbound;

/// Dependencies of the context.
#[derive(Clone)]
pub struct PaymentDeps {
    /// Tables of the context.
    pub store: Store,
    /// Amounts and states of orders.
    pub orders: OrderClient,
    /// Time zones of shops.
    pub catalog: CatalogClient,
    /// The HTTP client that reaches providers.
    pub outbound: Arc<dyn Outbound>,
    /// 32 random bytes, the same on every node. They sign the webhooks of the sandbox and make its pages unguessable.
    pub secret: [u8; 32],
    /// Section `[payment]` of the configuration.
    pub config: PaymentConfig,
    /// Ages at which rows are deleted.
    pub retention: Retention,
}
