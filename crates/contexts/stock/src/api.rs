//! The calls of the contract, each a use case.

use async_trait::async_trait;
use pulse_contract::errors as common;
use pulse_contract::stock::v1::*;
use pulse_kernel::{Cx, Error};

use crate::StockDeps;

/// Implements the contract.
pub(crate) struct Api(pub(crate) StockDeps);

#[async_trait]
impl StockApi for Api {
    async fn put_stock(&self, _cx: &Cx, _request: PutStockRequest) -> Result<Stock, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn get_stock(&self, _cx: &Cx, _request: GetStockRequest) -> Result<Stock, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_stock(&self, _cx: &Cx, _request: ListStockRequest) -> Result<ListStockResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn replenish_stock(&self, _cx: &Cx, _request: ReplenishStockRequest) -> Result<Stock, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn adjust_stock(&self, _cx: &Cx, _request: AdjustStockRequest) -> Result<Stock, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn transfer_stock(&self, _cx: &Cx, _request: TransferStockRequest) -> Result<TransferStockResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_movements(&self, _cx: &Cx, _request: ListMovementsRequest) -> Result<ListMovementsResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn get_stock_at(&self, _cx: &Cx, _request: GetStockAtRequest) -> Result<StockAt, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn why_stock(&self, _cx: &Cx, _request: WhyStockRequest) -> Result<WhyStockResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn reserve(&self, _cx: &Cx, _request: ReserveRequest) -> Result<Reservation, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn confirm_reservation(&self, _cx: &Cx, _request: ConfirmReservationRequest) -> Result<Reservation, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn release_reservation(&self, _cx: &Cx, _request: ReleaseReservationRequest) -> Result<Reservation, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn get_reservation(&self, _cx: &Cx, _request: GetReservationRequest) -> Result<Reservation, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn put_resource(&self, _cx: &Cx, _request: PutResourceRequest) -> Result<Stock, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }
}
