//! The calls of the contract, each a use case.

use async_trait::async_trait;
use pulse_contract::errors as common;
use pulse_contract::order::v1::*;
use pulse_kernel::{Cx, Error};

use crate::OrderDeps;

/// Implements the contract.
pub(crate) struct Api(pub(crate) OrderDeps);

#[async_trait]
impl OrderApi for Api {
    async fn put_cart(&self, _cx: &Cx, _request: PutCartRequest) -> Result<Cart, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn get_cart(&self, _cx: &Cx, _request: GetCartRequest) -> Result<Cart, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_carts(&self, _cx: &Cx, _request: ListCartsRequest) -> Result<ListCartsResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn quote_order(&self, _cx: &Cx, _request: QuoteOrderRequest) -> Result<Quote, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn open_draft(&self, _cx: &Cx, _request: OpenDraftRequest) -> Result<Draft, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn get_draft(&self, _cx: &Cx, _request: GetDraftRequest) -> Result<Draft, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn place_order(&self, _cx: &Cx, _request: PlaceOrderRequest) -> Result<Order, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn get_order(&self, _cx: &Cx, _request: GetOrderRequest) -> Result<Order, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_my_orders(&self, _cx: &Cx, _request: ListMyOrdersRequest) -> Result<ListOrdersResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_shop_orders(&self, _cx: &Cx, _request: ListShopOrdersRequest) -> Result<ListOrdersResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_orders(&self, _cx: &Cx, _request: ListOrdersRequest) -> Result<ListOrdersResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn count_my_orders(&self, _cx: &Cx, _request: CountMyOrdersRequest) -> Result<OrderCounts, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn count_shop_orders(&self, _cx: &Cx, _request: CountShopOrdersRequest) -> Result<OrderCounts, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn cancel_order(&self, _cx: &Cx, _request: CancelOrderRequest) -> Result<Order, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn accept_order(&self, _cx: &Cx, _request: AcceptOrderRequest) -> Result<Order, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn hand_over_order(&self, _cx: &Cx, _request: HandOverOrderRequest) -> Result<Order, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn complete_order(&self, _cx: &Cx, _request: CompleteOrderRequest) -> Result<Order, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn refund_order(&self, _cx: &Cx, _request: RefundOrderRequest) -> Result<Order, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn rebuild_order_lists(
        &self,
        _cx: &Cx,
        _request: RebuildOrderListsRequest,
    ) -> Result<RebuildOrderListsResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }
}
