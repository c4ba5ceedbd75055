//! The calls of the contract, each a use case.

use async_trait::async_trait;
use futures::stream::BoxStream;
use pulse_contract::kitchen::v1::*;
use pulse_kernel::{Cx, Error};

use crate::app::{self, App};

/// Implements the contract.
pub(crate) struct Api(pub(crate) App);

#[async_trait]
impl KitchenApi for Api {
    async fn put_stations(&self, cx: &Cx, request: PutStationsRequest) -> Result<Stations, Error> {
        app::put_stations(&self.0, cx, request).await
    }

    async fn get_stations(&self, cx: &Cx, request: GetStationsRequest) -> Result<Stations, Error> {
        app::get_stations(&self.0, cx, request).await
    }

    async fn list_tickets(&self, cx: &Cx, request: ListTicketsRequest) -> Result<ListTicketsResponse, Error> {
        app::list_tickets(&self.0, cx, request).await
    }

    async fn watch_tickets(
        &self,
        cx: &Cx,
        request: WatchTicketsRequest,
    ) -> Result<BoxStream<'static, Result<Ticket, Error>>, Error> {
        app::watch_tickets(&self.0, cx, request).await
    }

    async fn move_ticket(&self, cx: &Cx, request: MoveTicketRequest) -> Result<Ticket, Error> {
        app::move_ticket(&self.0, cx, request).await
    }

    async fn set_item_out(&self, cx: &Cx, request: SetItemOutRequest) -> Result<ItemOut, Error> {
        app::set_item_out(&self.0, cx, request).await
    }
}
