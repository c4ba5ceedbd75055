//! Conversions between messages of the contract, rows and types of the domain.

use pulse_contract::order::v1::{
    CartLine, Choice, Fulfilment, Order, OrderKind, OrderLine, OrderState, OrderStep, PaymentMethod, PaymentState,
    PendingOrder, Price, PriceKind, PricePart, StoredRefund, StoredRefundState,
};
use pulse_contract::{Money, PollHints};
use pulse_kernel::id::{CouponId, ShopId};
use pulse_kernel::{Actor, Cx, Role as CallerRole, Timestamp};

use crate::domain::machine::{self, FulfilmentPath, Role, State};
use crate::domain::quote::{self, Line, PartKind, RequestedLine};
use crate::domain::refund::{self, Refund, RefundState};
use crate::domain::search;
use crate::store::list::ListRow;
use crate::store::orders::OrderRow;

/// Maximum length of the headline of a list entry, in characters.
const HEADLINE_MAX: usize = 160;
/// Maximum interval between two polls of a client, in milliseconds; clients choose a random one below it (TR-34).
const POLL_MS_MAX: i32 = 2_000;

pub(crate) fn state(state: OrderState) -> Option<State> {
    Some(match state {
        OrderState::Unspecified => return None,
        OrderState::Placing => State::Placing,
        OrderState::AwaitingPayment => State::AwaitingPayment,
        OrderState::Confirmed => State::Confirmed,
        OrderState::Preparing => State::Preparing,
        OrderState::Ready => State::Ready,
        OrderState::Delivering => State::Delivering,
        OrderState::Completed => State::Completed,
        OrderState::Cancelled => State::Cancelled,
    })
}

pub(crate) fn wire_state(state: State) -> OrderState {
    match state {
        State::Placing => OrderState::Placing,
        State::AwaitingPayment => OrderState::AwaitingPayment,
        State::Confirmed => OrderState::Confirmed,
        State::Preparing => OrderState::Preparing,
        State::Ready => OrderState::Ready,
        State::Delivering => OrderState::Delivering,
        State::Completed => OrderState::Completed,
        State::Cancelled => OrderState::Cancelled,
    }
}

pub(crate) fn fulfilment_path(order: &Order) -> FulfilmentPath {
    match (order.kind(), order.fulfilment()) {
        (OrderKind::VirtualVoucher, _) => FulfilmentPath::Voucher,
        (OrderKind::Unspecified | OrderKind::Goods, Fulfilment::Delivery) => FulfilmentPath::Delivery,
        (OrderKind::Unspecified | OrderKind::Goods, Fulfilment::Unspecified | Fulfilment::Pickup) => {
            FulfilmentPath::Pickup
        }
    }
}

pub(crate) fn is_cash(order: &Order) -> bool {
    order.payment_method() == PaymentMethod::CashOnDelivery
}

/// Roles in which the caller may see and move the order; empty for an unrelated caller.
pub(crate) fn roles(cx: &Cx, row: &OrderRow) -> Vec<Role> {
    if matches!(cx.actor, Actor::System(_)) {
        return vec![Role::Operator];
    }
    let mut roles = Vec::with_capacity(2);
    if cx.actor.account() == Some(row.customer) {
        roles.push(Role::Customer);
    }
    if cx.actor.has_role(CallerRole::Operator) {
        roles.push(Role::Operator);
    } else if row.shop != ShopId::new(0) && cx.actor.works_for(row.shop) {
        roles.push(Role::Shop);
    }
    roles
}

/// The order for a caller with these roles.
pub(crate) fn order(row: &OrderRow, roles: &[Role]) -> Order {
    let order = row.order();
    let moves =
        state(row.state).map(|state| machine::allowed(state, roles, fulfilment_path(&order))).unwrap_or_default();
    let mut allowed_moves: Vec<String> = moves.into_iter().map(|mv| mv.word().to_owned()).collect();
    let is_staff = roles.contains(&Role::Shop) || roles.contains(&Role::Operator);
    if is_staff && refund::refundable(paid_minor(row), &refunds(row), 0).is_ok() {
        allowed_moves.push("refund".to_owned());
    }
    Order { allowed_moves, is_archived: row.is_archived, pending: pending(row), ..order }
}

/// Payment and polling information of an order in state `PLACING`.
fn pending(row: &OrderRow) -> Option<PendingOrder> {
    let order = row.stored.order.as_ref().filter(|_| row.state == OrderState::Placing)?;
    let price = order.price.as_ref();
    let time_limit = Timestamp::from(row.stored.place_until?).since(row.placed_at);
    Some(PendingOrder {
        end_pay_time: order.expires_at,
        pay_amount: price.map(|price| Money { minor: price.total_minor, currency: price.currency.clone() }),
        is_async: true,
        pay_order_id: order.order_id,
        poll: Some(PollHints {
            interval_ms_max: POLL_MS_MAX,
            give_up_ms: i32::try_from(time_limit.as_millis()).unwrap_or(i32::MAX),
        }),
    })
}

/// Accepted payment of the order, in minor units; 0 if it is unpaid.
pub(crate) fn paid_minor(row: &OrderRow) -> i64 {
    row.stored.payment.as_ref().map_or(0, |payment| payment.amount_minor)
}

/// Number of vouchers that the order buys; 0 for an order of goods.
pub(crate) fn voucher_quantity(row: &OrderRow) -> i64 {
    let order = row.stored.order.as_ref().filter(|order| order.kind() == OrderKind::VirtualVoucher);
    order.map_or(0, |order| order.lines.iter().map(|line| i64::from(line.quantity)).sum())
}

/// Refunds of the accepted payment.
pub(crate) fn refunds(row: &OrderRow) -> Vec<Refund> {
    row.stored.refunds.iter().map(refund).collect()
}

fn refund(stored: &StoredRefund) -> Refund {
    Refund { amount_minor: stored.amount_minor, state: refund_state(stored.state()) }
}

pub(crate) fn refund_state(stored: StoredRefundState) -> RefundState {
    match stored {
        StoredRefundState::Unspecified | StoredRefundState::Requested => RefundState::Requested,
        StoredRefundState::Done => RefundState::Done,
        StoredRefundState::Failed => RefundState::Failed,
    }
}

pub(crate) fn stored_refund_state(state: RefundState) -> StoredRefundState {
    match state {
        RefundState::Requested => StoredRefundState::Requested,
        RefundState::Done => StoredRefundState::Done,
        RefundState::Failed => StoredRefundState::Failed,
    }
}

pub(crate) fn payment_state(state: refund::PaymentState) -> PaymentState {
    match state {
        refund::PaymentState::Unpaid => PaymentState::Unpaid,
        refund::PaymentState::Paid => PaymentState::Paid,
        refund::PaymentState::PartlyRefunded => PaymentState::PartlyRefunded,
        refund::PaymentState::Refunded => PaymentState::Refunded,
    }
}

pub(crate) fn step(state: State, at: Timestamp, role: Role, reason: &str) -> OrderStep {
    OrderStep {
        state: wire_state(state).into(),
        at: Some(at.into()),
        actor: role.word().to_owned(),
        reason: reason.to_owned(),
    }
}

pub(crate) fn requested_line(line: CartLine) -> RequestedLine {
    let choice = |choice: Choice| quote::Choice { group: choice.group, modifier: choice.modifier };
    RequestedLine {
        product_id: line.product_id,
        variant_id: line.variant_id,
        quantity: line.quantity,
        choices: line.choices.into_iter().map(choice).collect(),
        note: line.note,
    }
}

pub(crate) fn line(line: Line) -> OrderLine {
    let choice = |choice: quote::Choice| Choice { group: choice.group, modifier: choice.modifier };
    OrderLine {
        line_number: line.number,
        product_id: line.requested.product_id,
        variant_id: line.requested.variant_id,
        product_name: line.product_name,
        variant_name: line.variant_name,
        quantity: line.requested.quantity,
        unit_price_minor: line.unit_price_minor,
        subtotal_minor: line.subtotal_minor,
        choices: line.requested.choices.into_iter().map(choice).collect(),
        note: line.requested.note,
        discount_minor: line.discount_minor,
        category_code: line.category_code,
    }
}

pub(crate) fn price(price: quote::Price, currency: &str) -> Price {
    let part = |part: quote::Part| PricePart {
        kind: kind(part.kind).into(),
        amount_minor: part.amount_minor,
        reason: part.reason,
        coupon_id: part.coupon.map_or(0, CouponId::get),
    };
    Price {
        currency: currency.to_owned(),
        parts: price.parts.into_iter().map(part).collect(),
        total_minor: price.total_minor,
        tax_included_minor: price.tax_included_minor,
    }
}

fn kind(kind: PartKind) -> PriceKind {
    match kind {
        PartKind::Items => PriceKind::Items,
        PartKind::Discount => PriceKind::Discount,
        PartKind::Packing => PriceKind::PackingFee,
        PartKind::Delivery => PriceKind::DeliveryFee,
        PartKind::Tax => PriceKind::Tax,
        PartKind::Tip => PriceKind::Tip,
    }
}

/// The list entry of an order.
pub(crate) fn list_row(row: &OrderRow) -> ListRow {
    let order = row.stored.order.as_ref();
    let price = order.and_then(|order| order.price.as_ref());
    let lines = order.map(|order| order.lines.as_slice()).unwrap_or_default();
    let first = lines.first().map(|line| format!("{} x {}", line.quantity, line.product_name));
    let phone = order.and_then(|order| order.address.as_ref()).map(|address| address.phone.as_str());
    ListRow {
        order_id: row.id,
        customer: row.customer,
        shop: row.shop,
        state: row.state,
        version: row.version,
        total_minor: price.map(|price| price.total_minor).unwrap_or_default(),
        currency: price.map(|price| price.currency.clone()).unwrap_or_default(),
        unit_count: lines.iter().map(|line| line.quantity).sum(),
        shop_name: order.map(|order| order.shop_name.clone()).unwrap_or_default(),
        headline: first.unwrap_or_default().chars().take(HEADLINE_MAX).collect(),
        phone_digits: search::digits(phone.unwrap_or_default()),
        placed_at: row.placed_at,
    }
}
