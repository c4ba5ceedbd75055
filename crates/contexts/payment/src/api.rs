//! The calls of the contract, each a use case.

use async_trait::async_trait;
use pulse_contract::payment::v1::*;
use pulse_kernel::{Cx, Error};

use crate::app::{self, App};

/// Implements the contract.
pub(crate) struct Api(pub(crate) App);

#[async_trait]
impl PaymentApi for Api {
    async fn start_payment(&self, cx: &Cx, request: StartPaymentRequest) -> Result<Payment, Error> {
        app::start_payment(&self.0, cx, request).await
    }

    async fn get_order_payment(&self, cx: &Cx, request: GetOrderPaymentRequest) -> Result<Payment, Error> {
        app::get_order_payment(&self.0, cx, request).await
    }

    async fn receive_webhook(&self, cx: &Cx, request: ReceiveWebhookRequest) -> Result<ReceiveWebhookResponse, Error> {
        app::receive_webhook(&self.0, cx, request).await
    }

    async fn list_ledger_accounts(
        &self,
        cx: &Cx,
        request: ListLedgerAccountsRequest,
    ) -> Result<ListLedgerAccountsResponse, Error> {
        app::list_ledger_accounts(&self.0, cx, request).await
    }

    async fn list_ledger_entries(
        &self,
        cx: &Cx,
        request: ListLedgerEntriesRequest,
    ) -> Result<ListLedgerEntriesResponse, Error> {
        app::list_ledger_entries(&self.0, cx, request).await
    }

    async fn get_statement(&self, cx: &Cx, request: GetStatementRequest) -> Result<Statement, Error> {
        app::get_statement(&self.0, cx, request).await
    }

    async fn reconcile_payments(
        &self,
        cx: &Cx,
        request: ReconcilePaymentsRequest,
    ) -> Result<ReconcilePaymentsResponse, Error> {
        app::reconcile_payments(&self.0, cx, request).await
    }
}
