//! Events of orders, made from rows. They contain no recipient, phone number or address.

use pulse_contract::order::v1::{
    CancelReason, OrderCancelled, OrderCompleted, OrderLine, OrderMoved, OrderPaid, OrderPlaced, OrderRefunded,
    order_paid,
};

use super::view;
use crate::domain::{refund, voucher_refund};
use crate::store::orders::OrderRow;

pub(super) fn placed(row: &OrderRow) -> OrderPlaced {
    let order = row.stored.order.as_ref();
    let (currency, total_minor) = total(row);
    OrderPlaced {
        order_id: row.id.get(),
        shop_id: row.shop.get(),
        customer_account_id: row.customer.get(),
        kind: order.map_or(0, |order| order.kind),
        sale_id: order.map_or(0, |order| order.sale_id),
        currency,
        total_minor,
        version: row.version,
    }
}

pub(super) fn paid(row: &OrderRow) -> OrderPaid {
    let order = row.stored.order.as_ref();
    let (currency, total_minor) = total(row);
    OrderPaid {
        order_id: row.id.get(),
        shop_id: row.shop.get(),
        customer_account_id: row.customer.get(),
        kind: order.map_or(0, |order| order.kind),
        lines: order.map(|order| order.lines.iter().map(line).collect()).unwrap_or_default(),
        kitchen_note: order.map(|order| order.note.clone()).unwrap_or_default(),
        coupon_ids: row.stored.coupon_ids.clone(),
        currency,
        total_minor,
        is_cash_on_delivery: order.is_some_and(view::is_cash),
        version: row.version,
    }
}

fn line(line: &OrderLine) -> order_paid::Line {
    order_paid::Line {
        product_id: line.product_id,
        variant_id: line.variant_id,
        product_name: line.product_name.clone(),
        variant_name: line.variant_name.clone(),
        quantity: line.quantity,
        choices: line.choices.clone(),
        kitchen_note: line.note.clone(),
    }
}

pub(super) fn completed(row: &OrderRow) -> OrderCompleted {
    let order = row.stored.order.as_ref();
    let (currency, total_minor) = total(row);
    OrderCompleted {
        order_id: row.id.get(),
        shop_id: row.shop.get(),
        customer_account_id: row.customer.get(),
        kind: order.map_or(0, |order| order.kind),
        currency,
        total_minor,
        is_cash_on_delivery: order.is_some_and(view::is_cash),
        version: row.version,
    }
}

pub(super) fn moved(row: &OrderRow) -> OrderMoved {
    OrderMoved {
        order_id: row.id.get(),
        shop_id: row.shop.get(),
        customer_account_id: row.customer.get(),
        state: row.state.into(),
        version: row.version,
    }
}

pub(super) fn refunded(row: &OrderRow) -> OrderRefunded {
    let (paid_minor, refunded_minor) = (view::paid_minor(row), refund::refunded_minor(&view::refunds(row)));
    let vouchers = voucher_refund::quantity_for(paid_minor, view::voucher_quantity(row), refunded_minor);
    OrderRefunded {
        order_id: row.id.get(),
        shop_id: row.shop.get(),
        customer_account_id: row.customer.get(),
        kind: row.stored.order.as_ref().map_or(0, |order| order.kind),
        currency: total(row).0,
        paid_minor,
        refunded_minor,
        refunded_voucher_quantity: i32::try_from(vouchers).unwrap_or(i32::MAX),
        version: row.version,
    }
}

pub(super) fn cancelled(row: &OrderRow, reason: CancelReason) -> OrderCancelled {
    OrderCancelled {
        order_id: row.id.get(),
        shop_id: row.shop.get(),
        customer_account_id: row.customer.get(),
        reason: reason.into(),
        coupon_ids: row.stored.coupon_ids.clone(),
        version: row.version,
    }
}

/// Currency and total price of the order.
fn total(row: &OrderRow) -> (String, i64) {
    let price = row.stored.order.as_ref().and_then(|order| order.price.as_ref());
    price.map(|price| (price.currency.clone(), price.total_minor)).unwrap_or_default()
}
