//! The use cases, one file each.

mod ask_refund;
mod cancel_attempts;
mod close_payment;
mod conclude;
mod get_order_payment;
mod get_statement;
mod list_ledger;
mod pay_back;
mod purge_webhooks;
mod receive_webhook;
mod reconcile;
mod reconcile_again;
mod record_cash;
mod start_payment;
mod view;

use std::sync::Arc;

use pulse_store::Store;

use crate::deps::PaymentDeps;
use crate::providers::Providers;

pub(crate) use ask_refund::ask_refund;
pub(crate) use cancel_attempts::{CANCEL, cancel_attempts};
pub(crate) use close_payment::close_payment;
pub(crate) use get_order_payment::get_order_payment;
pub(crate) use get_statement::get_statement;
pub(crate) use list_ledger::{list_ledger_accounts, list_ledger_entries};
pub(crate) use pay_back::{PAY_BACK, pay_back};
pub(crate) use purge_webhooks::{PURGE, purge_webhooks};
pub(crate) use receive_webhook::{deliver_from_sandbox, receive_webhook};
pub(crate) use reconcile::reconcile_payments;
pub(crate) use reconcile_again::{RECONCILE, first_reconciliation, reconcile_again};
pub(crate) use record_cash::record_cash;
pub(crate) use start_payment::start_payment;

/// What every use case works with.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) deps: Arc<PaymentDeps>,
    pub(crate) providers: Providers,
}

impl App {
    pub(crate) fn new(deps: PaymentDeps, providers: Providers) -> Self {
        Self { deps: Arc::new(deps), providers }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.deps.store
    }
}
