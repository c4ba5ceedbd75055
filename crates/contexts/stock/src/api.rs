//! The calls of the contract, each a use case.

use async_trait::async_trait;
use pulse_contract::stock::v1::*;
use pulse_kernel::{Cx, Error};

use crate::app::{self, App};

/// Implements the contract.
pub(crate) struct Api(pub(crate) App);

#[async_trait]
impl StockApi for Api {
    async fn put_stock(&self, cx: &Cx, request: PutStockRequest) -> Result<Stock, Error> {
        app::put_stock(&self.0, cx, request).await
    }

    async fn get_stock(&self, cx: &Cx, request: GetStockRequest) -> Result<Stock, Error> {
        app::get_stock(&self.0, cx, request).await
    }

    async fn list_stock(&self, cx: &Cx, request: ListStockRequest) -> Result<ListStockResponse, Error> {
        app::list_stock(&self.0, cx, request).await
    }

    async fn replenish_stock(&self, cx: &Cx, request: ReplenishStockRequest) -> Result<Stock, Error> {
        app::replenish_stock(&self.0, cx, request).await
    }

    async fn adjust_stock(&self, cx: &Cx, request: AdjustStockRequest) -> Result<Stock, Error> {
        app::adjust_stock(&self.0, cx, request).await
    }

    async fn transfer_stock(&self, cx: &Cx, request: TransferStockRequest) -> Result<TransferStockResponse, Error> {
        app::transfer_stock(&self.0, cx, request).await
    }

    async fn list_movements(&self, cx: &Cx, request: ListMovementsRequest) -> Result<ListMovementsResponse, Error> {
        app::list_movements(&self.0, cx, request).await
    }

    async fn get_stock_at(&self, cx: &Cx, request: GetStockAtRequest) -> Result<StockAt, Error> {
        app::get_stock_at(&self.0, cx, request).await
    }

    async fn explain_stock(&self, cx: &Cx, request: ExplainStockRequest) -> Result<ExplainStockResponse, Error> {
        app::explain_stock(&self.0, cx, request).await
    }

    async fn reserve(&self, cx: &Cx, request: ReserveRequest) -> Result<Reservation, Error> {
        app::reserve(&self.0, cx, request).await
    }

    async fn reserve_many(&self, cx: &Cx, request: ReserveManyRequest) -> Result<ReserveManyResponse, Error> {
        app::reserve_many(&self.0, cx, request).await
    }

    async fn confirm_reservation(&self, cx: &Cx, request: ConfirmReservationRequest) -> Result<Reservation, Error> {
        app::confirm_reservation(&self.0, cx, request).await
    }

    async fn release_reservation(&self, cx: &Cx, request: ReleaseReservationRequest) -> Result<Reservation, Error> {
        app::release_reservation(&self.0, cx, request).await
    }

    async fn get_reservation(&self, cx: &Cx, request: GetReservationRequest) -> Result<Reservation, Error> {
        app::get_reservation(&self.0, cx, request).await
    }

    async fn list_active_reservations(
        &self,
        cx: &Cx,
        request: ListActiveReservationsRequest,
    ) -> Result<ListActiveReservationsResponse, Error> {
        app::list_active_reservations(&self.0, cx, request).await
    }

    async fn put_resource(&self, cx: &Cx, request: PutResourceRequest) -> Result<Stock, Error> {
        app::put_resource(&self.0, cx, request).await
    }
}
