//! Metrics of orders.

use metrics::{Counter, counter, describe_counter, describe_gauge};
use pulse_contract::order::v1::CancelReason;

/// Registers the HELP texts.
pub(crate) fn describe() {
    describe_counter!("pulse_order_placed_total", "Placed orders.");
    describe_counter!("pulse_order_cancelled_total", "Cancelled orders, by reason.");
    describe_counter!("pulse_order_completed_total", "Orders that the customer has received.");
    describe_gauge!("pulse_order_hot_items", "SKUs and vouchers whose orders are queued on this node.");
}

/// An order that was placed.
pub(crate) fn placed() -> Counter {
    counter!("pulse_order_placed_total")
}

/// An order that was completed.
pub(crate) fn completed() -> Counter {
    counter!("pulse_order_completed_total")
}

/// An order that was cancelled.
pub(crate) fn cancelled(reason: CancelReason) -> Counter {
    let word = match reason {
        CancelReason::Unspecified => "unspecified",
        CancelReason::ByCustomer => "customer",
        CancelReason::ByShop => "shop",
        CancelReason::PaymentTimedOut => "payment_timed_out",
        CancelReason::ByOperator => "operator",
        CancelReason::OutOfStock => "out_of_stock",
        CancelReason::PlacementFailed => "placement_failed",
    };
    counter!("pulse_order_cancelled_total", "reason" => word)
}
