//! The calls of the contract, each a use case.

use async_trait::async_trait;
use pulse_contract::errors as common;
use pulse_contract::payment::v1::*;
use pulse_kernel::{Cx, Error};

use crate::PaymentDeps;

/// Implements the contract.
pub(crate) struct Api(pub(crate) PaymentDeps);

#[async_trait]
impl PaymentApi for Api {
    async fn start_payment(&self, _cx: &Cx, _request: StartPaymentRequest) -> Result<Payment, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn get_order_payment(&self, _cx: &Cx, _request: GetOrderPaymentRequest) -> Result<Payment, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn receive_webhook(
        &self,
        _cx: &Cx,
        _request: ReceiveWebhookRequest,
    ) -> Result<ReceiveWebhookResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_ledger_accounts(
        &self,
        _cx: &Cx,
        _request: ListLedgerAccountsRequest,
    ) -> Result<ListLedgerAccountsResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_ledger_entries(
        &self,
        _cx: &Cx,
        _request: ListLedgerEntriesRequest,
    ) -> Result<ListLedgerEntriesResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn get_statement(&self, _cx: &Cx, _request: GetStatementRequest) -> Result<Statement, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn reconcile_payments(
        &self,
        _cx: &Cx,
        _request: ReconcilePaymentsRequest,
    ) -> Result<ReconcilePaymentsResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }
}
