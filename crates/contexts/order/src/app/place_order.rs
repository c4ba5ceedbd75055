//! Places an order: calculates its price, reserves what it needs, and stores it in one commit.
//!
//! Reservations are released if the commit fails; if the process ends before that, they expire. Stock for hot items is not
//! reserved here: the order is saved as `PLACING` and its stock is reserved later in a batch (`place_queued_orders`).

use pulse_contract::marketing::v1::{ReserveCouponsRequest, ValidateCouponsRequest};
use pulse_contract::order::v1::{
    Order, OrderDraft, OrderKind, OrderState, PaymentMethod, PaymentState, PlaceOrderRequest, PlacementMode, Quote,
    StoredOrder, errors,
};
use pulse_contract::stock::v1::{LineStatus, Reservation, ReservationState};
use pulse_contract::{Json, errors as common};
use pulse_kernel::id::{AccountId, CouponId, OrderId, ShopId};
use pulse_kernel::{Cx, Error, Timestamp, Violation};
use pulse_store::{StoreError, Timer};

use super::activate::{activate, needs_online_payment};
use super::quote::{self, Basket, spec};
use super::reservations::{self, CouponPlan, ReservationPlan, Reserved, ReservedParts};
use super::transition::Transition;
use super::{App, EXPIRE, caller, on_behalf, view};
use crate::domain::ids::PreOrderId;
use crate::domain::machine::{Role, State};
use crate::domain::quote::{Discount, Price, Problem, ProblemKind};
use crate::store::drafts::{self, DraftRow};
use crate::store::orders::{self, OrderRow, SCHEMA};
use crate::store::{carts, order_throttle};

/// Maximum size of a quote in an error, in bytes of JSON. A larger quote is sent without its lines, because gRPC sends
/// errors in headers.
const QUOTE_JSON_MAX: usize = 16 * 1024;

pub(crate) async fn place_order(app: &App, cx: &Cx, request: PlaceOrderRequest) -> Result<Order, Error> {
    let customer = caller(cx)?;
    let pre_order = (request.pre_order_id != 0).then(|| PreOrderId::new(request.pre_order_id));
    let opened = match pre_order {
        Some(id) => match open_draft(app, cx, customer, id).await? {
            Opened::Placed(order) => return Ok(*order),
            Opened::Draft(row) => Some(*row),
        },
        None => None,
    };
    let draft = match &opened {
        Some(row) => row.stored.draft.clone(),
        None => request.draft.clone(),
    };
    let expected = request.expected_total_minor;
    let expected_minor = expected.ok_or_else(|| common::VALIDATION_FAILED.error("expected_total_minor is required"))?;
    let draft = draft.ok_or_else(|| errors::ORDER_EMPTY.error("draft or pre_order_id is required"))?;
    check_interval(app, cx, customer).await?;
    let mut basket = quote::price_draft(app, cx, &draft).await?;
    basket.check_payment_method(request.payment_method());
    let method = method(&request);
    let placing = Placing { app, cx, customer, draft, opened, method, expected_minor };
    match (placing.place(basket).await, pre_order) {
        // The same draft in another tab may have been faster, and have reserved what this one could not.
        (Err(error), Some(id)) => placed_from(app, customer, id).await?.ok_or(error),
        (outcome, _) => outcome,
    }
}

fn method(request: &PlaceOrderRequest) -> PaymentMethod {
    match request.payment_method() {
        PaymentMethod::CashOnDelivery => PaymentMethod::CashOnDelivery,
        PaymentMethod::Unspecified | PaymentMethod::Online => PaymentMethod::Online,
    }
}

/// A draft of the customer.
enum Opened {
    /// The draft was placed before (TR-26).
    Placed(Box<Order>),
    /// The draft is open.
    Draft(Box<DraftRow>),
}

async fn open_draft(app: &App, cx: &Cx, customer: AccountId, id: PreOrderId) -> Result<Opened, Error> {
    if let Some(order) = placed_from(app, customer, id).await? {
        return Ok(Opened::Placed(Box::new(order)));
    }
    let row = drafts::by_id(&app.deps.store, id).await?;
    match row.filter(|row| row.customer == customer && row.expires_at > cx.now) {
        Some(row) => Ok(Opened::Draft(Box::new(row))),
        // The draft may have been placed between the two queries.
        None => match placed_from(app, customer, id).await? {
            Some(order) => Ok(Opened::Placed(Box::new(order))),
            None => Err(super::drafts::not_found(id)),
        },
    }
}

/// The order that was placed from a draft of the customer.
async fn placed_from(app: &App, customer: AccountId, id: PreOrderId) -> Result<Option<Order>, Error> {
    let row = orders::by_pre_order(&app.deps.store, id).await?;
    Ok(row.filter(|row| row.customer == customer).map(|row| view::order(&row, &[Role::Customer])))
}

/// Refuses early an order that the commit would refuse, because the customer ordered a moment ago (TR-24).
async fn check_interval(app: &App, cx: &Cx, customer: AccountId) -> Result<(), Error> {
    let interval = app.deps.config.min_interval_per_customer;
    if interval.is_zero() {
        return Ok(());
    }
    let last = order_throttle::placed_at(&app.deps.store, customer).await?;
    match last.filter(|last| *last > cx.now.minus(interval)) {
        Some(last) => {
            let wait = last.plus(interval).since(cx.now);
            let detail = format!("two orders of a customer must be at least {} ms apart", interval.as_millis());
            Err(errors::ORDER_TOO_FAST.error(detail).retry_in(wait))
        }
        None => Ok(()),
    }
}

/// An order that is being placed.
struct Placing<'a> {
    app: &'a App,
    cx: &'a Cx,
    customer: AccountId,
    draft: OrderDraft,
    opened: Option<DraftRow>,
    method: PaymentMethod,
    expected_minor: i64,
}

impl Placing<'_> {
    async fn place(&self, mut basket: Basket) -> Result<Order, Error> {
        let validation = quote::coupon_validation(&basket, &self.draft);
        match &validation {
            None => {
                self.price(&mut basket, &[]);
            }
            // The order is refused in any case; the problems of its coupons are reported too.
            Some(request) if !basket.problems.is_empty() => {
                let coupons = &self.app.deps.coupons;
                let outcome = coupons.validate_coupons(&on_behalf(self.cx), request.clone()).await;
                basket.discounts(outcome)?;
            }
            Some(_) => {}
        }
        if !basket.problems.is_empty() {
            return Err(self.refusal(&mut basket, &[]));
        }
        let id = OrderId::new(self.app.deps.store.next_id(self.cx.now));
        let mut order = self.order(id, &basket);
        let is_queued = self.app.hot_items.record_and_check(&reservations::stock_lines(&order), self.cx.now);
        order.placement_mode = if is_queued { PlacementMode::Queued } else { PlacementMode::Synchronous }.into();
        let coupons = self.coupons(&order, validation);
        let stock = (!is_queued).then(|| reservations::stock_request(&order, self.reserved_until()));
        let plan = ReservationPlan { order: id, stock, coupons };
        let parts = plan.parts();
        let reserved = reservations::reserve_all(self.app, self.cx, plan).await?;
        if reserved.stock.as_ref().is_some_and(|stock| stock.state() == ReservationState::Refused) {
            self.app.hot_items.mark_out_of_stock(&reservations::stock_lines(&order), self.cx.now);
        }
        let is_complete = reserved.is_complete();
        let (price, discounts) = match self.decide(&mut basket, reserved) {
            Ok(decided) => decided,
            Err(error) => {
                if is_complete {
                    reservations::release_parts(self.app, self.cx, id, parts).await;
                }
                return Err(error);
            }
        };
        order.lines = basket.lines.lines.iter().cloned().map(view::line).collect();
        order.price = Some(view::price(price, &basket.lines.currency));
        let coupons = discounts.iter().map(|discount| discount.coupon).collect();
        let row = self.row(id, order, coupons);
        let order = if is_queued { self.queue(&basket, row) } else { self.activate(&basket, row)? };
        self.store(order, parts).await
    }

    /// Coupons that the order uses, or slots for the vouchers that it buys.
    fn coupons(&self, order: &Order, validation: Option<ValidateCouponsRequest>) -> CouponPlan {
        if let Some(request) = reservations::slots_request(order, self.reserved_until()) {
            return CouponPlan::VoucherSlots(request);
        }
        let Some(validation) = validation else { return CouponPlan::None };
        CouponPlan::Coupons(ReserveCouponsRequest {
            order_id: order.order_id,
            account_id: self.customer.get(),
            shop_id: validation.shop_id,
            currency: validation.currency,
            lines: validation.lines,
            coupon_ids: validation.coupon_ids,
            expires_at: Some(self.reserved_until().into()),
        })
    }

    /// Deadline of the reservations.
    fn reserved_until(&self) -> Timestamp {
        let pay_until = (self.method != PaymentMethod::CashOnDelivery).then(|| self.pay_until());
        reservations::deadline(pay_until, self.cx.now)
    }

    fn pay_until(&self) -> Timestamp {
        self.cx.now.plus(self.app.deps.config.unpaid_ttl)
    }

    /// Price and discounts after the reservations, or the error of all problems.
    fn decide(&self, basket: &mut Basket, reserved: Reserved) -> Result<(Price, Vec<Discount>), Error> {
        if let Some(stock) = &reserved.stock {
            basket.problems.extend(stock_problems(basket, stock));
        }
        let discounts = basket.discounts(reserved.coupons)?;
        let price = if basket.problems.is_empty() { self.price(basket, &discounts) } else { None };
        match price {
            Some(price) if basket.problems.is_empty() => Ok((price, discounts)),
            _ => Err(self.refusal(basket, &discounts)),
        }
    }

    /// Calculates the price. A total that differs from the one that the customer confirmed is a problem.
    fn price(&self, basket: &mut Basket, discounts: &[Discount]) -> Option<Price> {
        let price = basket.total_price(discounts, self.cx)?;
        if price.total_minor != self.expected_minor {
            let detail = format!("expected_total_minor must be {}, got {}", price.total_minor, self.expected_minor);
            basket.problems.push(Problem::new(ProblemKind::PriceChanged, "expected_total_minor", detail));
        }
        if self.method == PaymentMethod::Online {
            basket.check_online_amount(self.app, price.total_minor);
        }
        Some(price)
    }

    /// One error for all problems: the error of their kind, or `ORDER_REFUSED` for different kinds.
    fn refusal(&self, basket: &mut Basket, discounts: &[Discount]) -> Error {
        let problems = std::mem::take(&mut basket.problems);
        let mut kinds = problems.iter().map(|problem| problem.kind);
        let (first, is_one_kind) = (kinds.next(), problems.windows(2).all(|pair| pair[0].kind == pair[1].kind));
        let mut error = match (first, problems.as_slice()) {
            (Some(kind), [only]) => spec(kind).error(only.detail.clone()),
            (Some(kind), all) if is_one_kind => {
                spec(kind).error(format!("{} problems prevent placing the order", all.len()))
            }
            (_, all) => errors::ORDER_REFUSED.error(format!("{} problems prevent placing the order", all.len())),
        };
        if problems.iter().any(|problem| problem.kind == ProblemKind::PriceChanged) {
            let price = basket.total_price(discounts, self.cx);
            let total_minor = price.as_ref().map(|price| price.total_minor).unwrap_or_default();
            let quote = quote::wire(basket, price, self.cx);
            error = error.with("total_minor", total_minor).with("quote", quote_json(quote));
        }
        error.with_violations(problems.into_iter().map(|problem| Violation {
            field: problem.field.into(),
            code: spec(problem.kind).code.into(),
            message: problem.detail.into(),
        }))
    }

    /// The order without its price, which depends on the reserved coupons.
    fn order(&self, id: OrderId, basket: &Basket) -> Order {
        let is_delivery = basket.conditions.is_delivery;
        Order {
            order_id: id.get(),
            shop_id: basket.shop.get(),
            customer_account_id: self.customer.get(),
            kind: basket.kind.into(),
            state: OrderState::AwaitingPayment.into(),
            shop_name: basket.shop_name.clone(),
            lines: basket.lines.lines.iter().cloned().map(view::line).collect(),
            fulfilment: basket.fulfilment.into(),
            address: self.draft.address.clone().filter(|_| is_delivery && basket.kind == OrderKind::Goods),
            note: self.draft.note.clone(),
            payment_method: self.method.into(),
            payment_state: PaymentState::Unpaid.into(),
            history: vec![view::step(State::AwaitingPayment, self.cx.now, Role::Customer, "")],
            placed_at: Some(self.cx.now.into()),
            ..Order::default()
        }
    }

    fn row(&self, id: OrderId, order: Order, coupons: Vec<CouponId>) -> OrderRow {
        let coupon_ids = coupons.into_iter().map(CouponId::get).collect();
        OrderRow {
            id,
            shop: ShopId::new(order.shop_id),
            customer: self.customer,
            pre_order_id: self.opened.as_ref().map(|draft| draft.pre_order_id),
            state: OrderState::AwaitingPayment,
            payment_state: PaymentState::Unpaid,
            version: 0,
            placed_at: self.cx.now,
            updated_at: self.cx.now,
            stored: StoredOrder { schema: SCHEMA, order: Some(order), coupon_ids, ..StoredOrder::default() },
            is_archived: false,
        }
    }

    /// The order is placed, and its cart is deleted.
    fn activate(&self, basket: &Basket, row: OrderRow) -> Result<Transition, Error> {
        let mut order = Transition::of(row, self.cx);
        activate(&mut order, self.cx, self.pay_until())?;
        if let Some(cart) = &basket.cart {
            order.with(|commit, _| commit.write(carts::delete(cart)));
        }
        Ok(order)
    }

    /// The order is queued until its placement deadline. Its payment deadline is fixed now.
    fn queue(&self, basket: &Basket, mut row: OrderRow) -> Transition {
        let place_until = self.cx.now.plus(self.app.deps.config.queued_placement.timeout).min(self.pay_until());
        row.state = OrderState::Placing;
        row.stored.place_until = Some(place_until.into());
        row.stored.cart_version = basket.cart.as_ref().map_or(0, |cart| cart.version);
        if let Some(order) = &mut row.stored.order {
            order.history = vec![view::step(State::Placing, self.cx.now, Role::Customer, "")];
            order.expires_at = needs_online_payment(order).then(|| self.pay_until().into());
        }
        let mut order = Transition::of(row, self.cx);
        order.emit_queued();
        order.with(|commit, row| {
            commit.timer(Timer { kind: EXPIRE, key: row.id.get(), due_at: place_until, payload: Default::default() })
        });
        order
    }

    /// Commits the order with its events and its timer, the deletion of its draft, and the answer.
    async fn store(&self, mut order: Transition, reserved: ReservedParts) -> Result<Order, Error> {
        let (app, cx, id) = (self.app, self.cx, order.row.id);
        if !app.deps.config.min_interval_per_customer.is_zero() {
            let since = cx.now.minus(app.deps.config.min_interval_per_customer);
            order.with(|commit, row| order_throttle::record(commit, row.customer, since, cx.now));
        }
        if let Some(draft) = &self.opened {
            order.with(|commit, _| commit.write(drafts::delete(draft.pre_order_id)));
        }
        let (row, commit) = order.finish_new();
        let answer = view::order(&row, &[Role::Customer]);
        match app.deps.store.commit(cx, commit.answer(cx, &answer)).await {
            Ok(()) => Ok(answer),
            // The order may exist: its reservations must stay, and expire if it does not.
            Err(error @ StoreError::Unavailable { is_outcome_unknown: true, .. }) => Err(error.into()),
            Err(error) => {
                reservations::release_parts(app, cx, id, reserved).await;
                Err(error.into())
            }
        }
    }
}

/// Problems of the lines that the stock context refused.
fn stock_problems(basket: &Basket, stock: &Reservation) -> Vec<Problem> {
    if stock.state() == ReservationState::Active {
        return Vec::new();
    }
    let problem = |index: usize, line: &pulse_contract::stock::v1::ReservedLine| {
        let field = match basket.kind {
            OrderKind::VirtualVoucher => "voucher_quantity".to_owned(),
            OrderKind::Unspecified | OrderKind::Goods => format!("lines[{index}]"),
        };
        let detail = match line.status() {
            LineStatus::Unavailable => "the item is not available now".to_owned(),
            LineStatus::Unspecified
            | LineStatus::Ok
            | LineStatus::Untracked
            | LineStatus::DeferredToPayment
            | LineStatus::Insufficient => {
                format!("the quantity must be at most {}, which is available, got {}", line.available, line.quantity)
            }
        };
        Problem::new(ProblemKind::StockShort, field, detail)
    };
    let is_refused = |status| matches!(status, LineStatus::Unavailable | LineStatus::Insufficient);
    let lines = stock.lines.iter().enumerate().filter(|(_, line)| is_refused(line.status()));
    let problems: Vec<Problem> = lines.map(|(index, line)| problem(index, line)).collect();
    if problems.is_empty() {
        return vec![Problem::new(ProblemKind::StockShort, "lines", "the stock does not suffice")];
    }
    problems
}

fn quote_json(quote: Quote) -> String {
    let text = |quote: &Quote| String::from_utf8_lossy(&quote.to_json()).into_owned();
    let json = text(&quote);
    if json.len() <= QUOTE_JSON_MAX { json } else { text(&Quote { lines: Vec::new(), ..quote }) }
}
