//! The calls of the contract, each a use case.

use async_trait::async_trait;
use futures::stream::BoxStream;
use pulse_contract::order::v1::*;
use pulse_kernel::{Cx, Error};

use crate::app::{self, App};

/// Implements the contract.
pub(crate) struct Api(pub(crate) App);

#[async_trait]
impl OrderApi for Api {
    async fn put_cart(&self, cx: &Cx, request: PutCartRequest) -> Result<Cart, Error> {
        app::put_cart(&self.0, cx, request).await
    }

    async fn get_cart(&self, cx: &Cx, request: GetCartRequest) -> Result<Cart, Error> {
        app::get_cart(&self.0, cx, request).await
    }

    async fn list_carts(&self, cx: &Cx, request: ListCartsRequest) -> Result<ListCartsResponse, Error> {
        app::list_carts(&self.0, cx, request).await
    }

    async fn quote_order(&self, cx: &Cx, request: QuoteOrderRequest) -> Result<Quote, Error> {
        app::quote_order(&self.0, cx, request).await
    }

    async fn open_draft(&self, cx: &Cx, request: OpenDraftRequest) -> Result<Draft, Error> {
        app::open_draft(&self.0, cx, request).await
    }

    async fn get_draft(&self, cx: &Cx, request: GetDraftRequest) -> Result<Draft, Error> {
        app::get_draft(&self.0, cx, request).await
    }

    async fn place_order(&self, cx: &Cx, request: PlaceOrderRequest) -> Result<Order, Error> {
        app::place_order(&self.0, cx, request).await
    }

    async fn place_sale_orders(
        &self,
        cx: &Cx,
        request: PlaceSaleOrdersRequest,
    ) -> Result<PlaceSaleOrdersResponse, Error> {
        app::place_sale_orders(&self.0, cx, request).await
    }

    async fn get_order(&self, cx: &Cx, request: GetOrderRequest) -> Result<Order, Error> {
        app::get_order(&self.0, cx, request).await
    }

    async fn watch_order(
        &self,
        cx: &Cx,
        request: WatchOrderRequest,
    ) -> Result<BoxStream<'static, Result<Order, Error>>, Error> {
        app::watch_order(&self.0, cx, request).await
    }

    async fn list_my_orders(&self, cx: &Cx, request: ListMyOrdersRequest) -> Result<ListOrdersResponse, Error> {
        app::list_my_orders(&self.0, cx, request).await
    }

    async fn list_shop_orders(&self, cx: &Cx, request: ListShopOrdersRequest) -> Result<ListOrdersResponse, Error> {
        app::list_shop_orders(&self.0, cx, request).await
    }

    async fn list_orders(&self, cx: &Cx, request: ListOrdersRequest) -> Result<ListOrdersResponse, Error> {
        app::list_orders(&self.0, cx, request).await
    }

    async fn count_my_orders(&self, cx: &Cx, request: CountMyOrdersRequest) -> Result<OrderCounts, Error> {
        app::count_my_orders(&self.0, cx, request).await
    }

    async fn count_shop_orders(&self, cx: &Cx, request: CountShopOrdersRequest) -> Result<OrderCounts, Error> {
        app::count_shop_orders(&self.0, cx, request).await
    }

    async fn cancel_order(&self, cx: &Cx, request: CancelOrderRequest) -> Result<Order, Error> {
        app::cancel_order(&self.0, cx, request).await
    }

    async fn accept_order(&self, cx: &Cx, request: AcceptOrderRequest) -> Result<Order, Error> {
        app::accept_order(&self.0, cx, request).await
    }

    async fn hand_over_order(&self, cx: &Cx, request: HandOverOrderRequest) -> Result<Order, Error> {
        app::hand_over_order(&self.0, cx, request).await
    }

    async fn complete_order(&self, cx: &Cx, request: CompleteOrderRequest) -> Result<Order, Error> {
        app::complete_order(&self.0, cx, request).await
    }

    async fn refund_order(&self, cx: &Cx, request: RefundOrderRequest) -> Result<Order, Error> {
        app::refund_order(&self.0, cx, request).await
    }

    async fn rebuild_order_lists(
        &self,
        cx: &Cx,
        request: RebuildOrderListsRequest,
    ) -> Result<RebuildOrderListsResponse, Error> {
        app::rebuild_order_lists(&self.0, cx, request).await
    }
}
