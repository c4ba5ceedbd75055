//! The calls of the contract, each a use case.

use async_trait::async_trait;
use futures::stream::BoxStream;
use pulse_contract::errors as common;
use pulse_contract::kitchen::v1::*;
use pulse_kernel::{Cx, Error};

use crate::KitchenDeps;

/// Implements the contract.
pub(crate) struct Api(pub(crate) KitchenDeps);

#[async_trait]
impl KitchenApi for Api {
    async fn put_stations(&self, _cx: &Cx, _request: PutStationsRequest) -> Result<Stations, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn get_stations(&self, _cx: &Cx, _request: GetStationsRequest) -> Result<Stations, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_tickets(&self, _cx: &Cx, _request: ListTicketsRequest) -> Result<ListTicketsResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn watch_tickets(
        &self,
        _cx: &Cx,
        _request: WatchTicketsRequest,
    ) -> Result<BoxStream<'static, Result<Ticket, Error>>, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn move_ticket(&self, _cx: &Cx, _request: MoveTicketRequest) -> Result<Ticket, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn set_item_out(&self, _cx: &Cx, _request: SetItemOutRequest) -> Result<ItemOut, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }
}
