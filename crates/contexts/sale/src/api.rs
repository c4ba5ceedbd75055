//! The calls of the contract, each a use case.

use async_trait::async_trait;
use futures::stream::BoxStream;
use pulse_contract::sale::v1::*;
use pulse_kernel::{Cx, Error};

use crate::app::{self, App};

/// Implements the contract.
pub(crate) struct Api(pub(crate) App);

#[async_trait]
impl SaleApi for Api {
    async fn create_sale(&self, cx: &Cx, request: CreateSaleRequest) -> Result<Sale, Error> {
        app::create_sale(&self.0, cx, request).await
    }

    async fn update_sale(&self, cx: &Cx, request: UpdateSaleRequest) -> Result<Sale, Error> {
        app::update_sale(&self.0, cx, request).await
    }

    async fn delete_sale(&self, cx: &Cx, request: DeleteSaleRequest) -> Result<DeleteSaleResponse, Error> {
        app::delete_sale(&self.0, cx, request).await
    }

    async fn schedule_sale(&self, cx: &Cx, request: ScheduleSaleRequest) -> Result<Sale, Error> {
        app::schedule_sale(&self.0, cx, request).await
    }

    async fn pause_sale(&self, cx: &Cx, request: PauseSaleRequest) -> Result<Sale, Error> {
        app::pause_sale(&self.0, cx, request).await
    }

    async fn resume_sale(&self, cx: &Cx, request: ResumeSaleRequest) -> Result<Sale, Error> {
        app::resume_sale(&self.0, cx, request).await
    }

    async fn close_sale(&self, cx: &Cx, request: CloseSaleRequest) -> Result<Sale, Error> {
        app::close_sale(&self.0, cx, request).await
    }

    async fn add_sale_units(&self, cx: &Cx, request: AddSaleUnitsRequest) -> Result<Sale, Error> {
        app::add_sale_units(&self.0, cx, request).await
    }

    async fn get_sale(&self, cx: &Cx, request: GetSaleRequest) -> Result<Sale, Error> {
        app::get_sale(&self.0, cx, request).await
    }

    async fn list_sales(&self, cx: &Cx, request: ListSalesRequest) -> Result<ListSalesResponse, Error> {
        app::list_sales(&self.0, cx, request).await
    }

    async fn get_challenge(&self, cx: &Cx, request: GetChallengeRequest) -> Result<Challenge, Error> {
        app::get_challenge(&self.0, cx, request).await
    }

    async fn take_ticket(&self, cx: &Cx, request: TakeTicketRequest) -> Result<TakeTicketResponse, Error> {
        app::take_ticket(&self.0, cx, request).await
    }

    async fn watch_queue_position(
        &self,
        cx: &Cx,
        request: WatchQueuePositionRequest,
    ) -> Result<BoxStream<'static, Result<QueuePosition, Error>>, Error> {
        app::watch_queue_position(&self.0, cx, request).await
    }

    async fn admit(&self, cx: &Cx, request: AdmitRequest) -> Result<Admission, Error> {
        app::admit(&self.0, cx, request).await
    }

    async fn get_result(&self, cx: &Cx, request: GetResultRequest) -> Result<SaleResult, Error> {
        app::get_result(&self.0, cx, request).await
    }

    async fn watch_result(
        &self,
        cx: &Cx,
        request: WatchResultRequest,
    ) -> Result<BoxStream<'static, Result<SaleResult, Error>>, Error> {
        app::watch_result(&self.0, cx, request).await
    }

    async fn get_order_creation_status(
        &self,
        _cx: &Cx,
        _request: GetOrderCreationStatusRequest,
    ) -> Result<OrderCreationStatus, Error> {
        app::get_order_creation_status(&self.0).await
    }

    async fn set_order_creation_paused(
        &self,
        cx: &Cx,
        request: SetOrderCreationPausedRequest,
    ) -> Result<OrderCreationStatus, Error> {
        app::set_order_creation_paused(&self.0, cx, request).await
    }

    async fn list_dead_letters(
        &self,
        _cx: &Cx,
        request: ListDeadLettersRequest,
    ) -> Result<ListDeadLettersResponse, Error> {
        app::list_dead_letters(&self.0, request).await
    }

    async fn dismiss_dead_letter(
        &self,
        cx: &Cx,
        request: DismissDeadLetterRequest,
    ) -> Result<DismissDeadLetterResponse, Error> {
        app::dismiss_dead_letter(&self.0, cx, request).await
    }

    async fn get_fairness_report(&self, cx: &Cx, request: GetFairnessReportRequest) -> Result<FairnessReport, Error> {
        app::get_fairness_report(&self.0, cx, request).await
    }
}
