//! Use cases, one file each.

mod activate;
mod archive;
mod carts;
mod confirm_cash_order;
mod drafts;
mod event_messages;
mod expire;
mod get_order;
mod lists;
mod move_order;
mod on_kitchen_event;
mod on_payment_succeeded;
mod on_refund_result;
mod place_order;
mod place_queued_orders;
mod place_sale_orders;
mod quote;
mod rebuild;
mod refund_order;
mod reservations;
mod transition;
mod unprojected_events;
pub(crate) mod view;
mod watch_order;

use std::sync::Arc;

use pulse_contract::errors as common;
use pulse_contract::order::v1::errors;
use pulse_kernel::id::{AccountId, OrderId};
use pulse_kernel::{Cx, Error};

use crate::deps::OrderDeps;
use crate::hot_item_tracker::HotItemTracker;
use crate::order_list_projector::OrderListProjector;
use crate::store::orders::{self, OrderRow};

pub(crate) use archive::{SWEEP, sweep};
pub(crate) use carts::{get_cart, list_carts, put_cart};
pub(crate) use confirm_cash_order::{confirm_cash_order, release_second_reservation};
pub(crate) use drafts::{get_draft, open_draft};
pub(crate) use expire::{expire, placed_too_late};
pub(crate) use get_order::get_order;
pub(crate) use lists::{count_my_orders, count_shop_orders, list_my_orders, list_orders, list_shop_orders};
pub(crate) use move_order::{accept_order, cancel_order, complete_order, hand_over_order};
pub(crate) use on_kitchen_event::{on_order_ready, on_order_started};
pub(crate) use on_payment_succeeded::on_payment_succeeded;
pub(crate) use on_refund_result::{on_refund_failed, on_refund_succeeded};
pub(crate) use place_order::place_order;
pub(crate) use place_queued_orders::{place_queued_orders, place_until};
pub(crate) use place_sale_orders::place_sale_orders;
pub(crate) use quote::quote_order;
pub(crate) use rebuild::{rebuild, rebuild_order_lists};
pub(crate) use refund_order::refund_order;
pub(crate) use watch_order::{PlacementSubscribers, placement_subscribers, watch_order};

/// Timer that cancels an order at its placement or payment deadline.
pub(crate) const EXPIRE: &str = "order.expire";
/// Reason of a cancellation because the reservations could not be confirmed.
const OUT_OF_STOCK: &str = "no longer available";

/// Shared state of the use cases.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) deps: Arc<OrderDeps>,
    pub(crate) list_projector: OrderListProjector,
    pub(crate) placements: Arc<PlacementSubscribers>,
    pub(crate) hot_items: Arc<HotItemTracker>,
}

impl App {
    pub(crate) fn new(deps: OrderDeps) -> Self {
        let hot_items = Arc::new(HotItemTracker::new(deps.config.queued_placement.rules()));
        let list_projector = OrderListProjector::start(deps.store.clone());
        Self { list_projector, placements: placement_subscribers(), hot_items, deps: Arc::new(deps) }
    }
}

/// The account of the caller. The policy admits no other caller; this check is for calls inside the process.
fn caller(cx: &Cx) -> Result<AccountId, Error> {
    cx.actor.account().ok_or_else(|| common::UNAUTHENTICATED.error("the call requires a signed-in account"))
}

/// Context for calls to other contexts on behalf of the caller, without the idempotency key of the request.
fn on_behalf(cx: &Cx) -> Cx {
    Cx { idempotency: None, ..cx.clone() }
}

async fn load(app: &App, id: OrderId) -> Result<OrderRow, Error> {
    orders::by_id(&app.deps.store, id).await?.ok_or_else(|| not_found(id))
}

fn not_found(id: OrderId) -> Error {
    errors::ORDER_NOT_FOUND.error("the order does not exist, or the caller may not see it").with("order_id", id.get())
}
