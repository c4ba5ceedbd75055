//! Use cases, one file each.

mod apply_provider_facts;
mod cancel_attempts;
mod close_payment;
mod deliver_sandbox_webhook;
mod execute_refund;
mod get_order_payment;
mod get_statement;
mod list_disputes;
mod list_ledger;
mod purge_webhooks;
mod receive_webhook;
mod reconcile;
mod record_cash;
mod record_refund_request;
mod scheduled_reconciliation;
mod start_payment;
mod view;

use std::sync::Arc;

use pulse_store::Store;

use crate::deps::PaymentDeps;
use crate::page_base::PageBase;
use crate::providers::Providers;

pub(crate) use cancel_attempts::cancel_attempts;
pub(crate) use close_payment::close_payment;
pub(crate) use deliver_sandbox_webhook::{SandboxDelivery, deliver_sandbox_webhook};
pub(crate) use execute_refund::execute_refund;
pub(crate) use get_order_payment::get_order_payment;
pub(crate) use get_statement::get_statement;
pub(crate) use list_disputes::{list_disputes, list_shop_disputes};
pub(crate) use list_ledger::{list_ledger_accounts, list_ledger_entries};
pub(crate) use purge_webhooks::{PURGE, purge_webhooks};
pub(crate) use receive_webhook::receive_webhook;
pub(crate) use reconcile::reconcile_payments;
pub(crate) use record_cash::record_cash;
pub(crate) use record_refund_request::record_refund_request;
pub(crate) use scheduled_reconciliation::{first_reconciliation, scheduled_reconciliation};
pub(crate) use start_payment::start_payment;

/// Shared state of the use cases.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) deps: Arc<PaymentDeps>,
    pub(crate) providers: Providers,
    pub(crate) page_base: PageBase,
}

impl App {
    pub(crate) fn new(deps: PaymentDeps, providers: Providers) -> Self {
        Self { deps: Arc::new(deps), providers, page_base: PageBase::default() }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.deps.store
    }
}
