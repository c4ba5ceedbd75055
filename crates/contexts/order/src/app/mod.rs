//! The use cases, one file each.

mod archive;
mod begin;
mod behind;
mod carts;
mod change;
mod drafts;
mod event_messages;
mod expire;
mod get_order;
mod hold;
mod kitchen_news;
mod lists;
mod move_order;
mod place_order;
mod place_queued_orders;
mod place_sale_orders;
mod quote;
mod rebuild;
mod refund_order;
mod refunded;
mod secure_order;
mod take_payment;
pub(crate) mod view;
mod watch_order;

use std::sync::Arc;

use pulse_contract::errors as common;
use pulse_contract::order::v1::errors;
use pulse_kernel::id::{AccountId, OrderId};
use pulse_kernel::{Cx, Error};

use crate::deps::OrderDeps;
use crate::heat::Heat;
use crate::order_list_projector::OrderListProjector;
use crate::store::orders::{self, OrderRow};

pub(crate) use archive::{SWEEP, sweep};
pub(crate) use carts::{get_cart, list_carts, put_cart};
pub(crate) use drafts::{get_draft, open_draft};
pub(crate) use expire::{expire, placed_too_late};
pub(crate) use get_order::get_order;
pub(crate) use kitchen_news::kitchen_moves;
pub(crate) use lists::{count_my_orders, count_shop_orders, list_my_orders, list_orders, list_shop_orders};
pub(crate) use move_order::{accept_order, cancel_order, complete_order, hand_over_order};
pub(crate) use place_order::place_order;
pub(crate) use place_queued_orders::{place_queued_orders, place_until};
pub(crate) use place_sale_orders::place_sale_orders;
pub(crate) use quote::quote_order;
pub(crate) use rebuild::{rebuild, rebuild_order_lists};
pub(crate) use refund_order::refund_order;
pub(crate) use refunded::{refund_done, refund_failed};
pub(crate) use secure_order::{release_second, secure_order};
pub(crate) use take_payment::take_payment;
pub(crate) use watch_order::{PlacementSubscribers, placement_subscribers, watch_order};

/// The timer that ends the time to pay, or to be placed.
pub(crate) const EXPIRE: &str = "order.expire";

/// What every use case works with.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) deps: Arc<OrderDeps>,
    pub(crate) list_projector: OrderListProjector,
    pub(crate) placements: Arc<PlacementSubscribers>,
    pub(crate) heat: Arc<Heat>,
}

impl App {
    pub(crate) fn new(deps: OrderDeps) -> Self {
        let heat = Arc::new(Heat::new(deps.config.queued_placement.rules()));
        let list_projector = OrderListProjector::start(deps.store.clone());
        Self { list_projector, placements: placement_subscribers(), heat, deps: Arc::new(deps) }
    }
}

/// Who asks. The policy lets nobody else through, so this is for calls that did not come through the edge.
fn caller(cx: &Cx) -> Result<AccountId, Error> {
    cx.actor.account().ok_or_else(|| common::UNAUTHENTICATED.error("sign in first"))
}

/// The same request without the caller's key, which is about that request alone: what is asked of others on behalf of
/// the caller.
fn on_behalf(cx: &Cx) -> Cx {
    Cx { idempotency: None, ..cx.clone() }
}

async fn load(app: &App, id: OrderId) -> Result<OrderRow, Error> {
    orders::by_id(&app.deps.store, id).await?.ok_or_else(|| not_found(id))
}

fn not_found(id: OrderId) -> Error {
    errors::ORDER_NOT_FOUND.error("there is no such order").with("order_id", id.get())
}
