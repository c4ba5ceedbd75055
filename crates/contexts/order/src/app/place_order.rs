//! Places an order: asks what it costs, holds what it needs, and writes it in one commit.
//!
//! What is held before the commit is given back when there is none; when the process dies in between, it expires. Units of
//! what many order at once are not asked for here: such an order is written as it is, and gets them together with others
//! (`place_queued_orders`).

use pulse_contract::Json;
use pulse_contract::marketing::v1::{ReserveCouponsRequest, ValidateCouponsRequest};
use pulse_contract::order::v1::{
    Order, OrderDraft, OrderKind, OrderState, PaymentMethod, PaymentState, PlaceOrderRequest, PlacementMode, Quote,
    StoredOrder, errors,
};
use pulse_contract::stock::v1::{LineStatus, Reservation, ReservationState};
use pulse_kernel::id::{AccountId, OrderId};
use pulse_kernel::{Cx, Error, Timestamp, Violation};
use pulse_store::{StoreError, Timer};

use super::begin::{begin, is_paid_first};
use super::change::Change;
use super::hold::{self, CouponsWanted, Held, Parts, Wanted};
use super::quote::{self, Basket, spec};
use super::{App, EXPIRE, caller, on_behalf, view};
use crate::domain::machine::{Role, State};
use crate::domain::quote::{Discount, Price, Problem, ProblemKind};
use crate::store::drafts::{self, DraftRow};
use crate::store::orders::{self, OrderRow, SCHEMA};
use crate::store::{carts, paces};

/// A quote that is larger as JSON goes into an error without its lines, since errors travel in headers too.
const QUOTE_JSON_MAX: usize = 16 * 1024;

pub(crate) async fn place_order(app: &App, cx: &Cx, request: PlaceOrderRequest) -> Result<Order, Error> {
    let customer = caller(cx)?;
    let opened = match open_draft(app, cx, customer, request.pre_order_id).await? {
        Opened::Placed(order) => return Ok(*order),
        Opened::Draft(row) => Some(*row),
        Opened::None => None,
    };
    let draft = match &opened {
        Some(row) => row.stored.draft.clone(),
        None => request.draft.clone(),
    };
    let draft = draft.ok_or_else(|| errors::ORDER_EMPTY.error("there is nothing to order"))?;
    check_pace(app, cx, customer).await?;
    let mut basket = quote::fill(app, cx, &draft).await?;
    basket.check_method(request.payment_method());
    let method = method(&request);
    let placing = Placing { app, cx, customer, draft, opened, method, expected_minor: request.expected_total_minor };
    match placing.place(basket).await {
        // The same draft in another tab may have been faster, and have what this one could not get.
        Err(error) if request.pre_order_id != 0 => match first(app, customer, request.pre_order_id).await? {
            Some(order) => Ok(order),
            None => Err(error),
        },
        outcome => outcome,
    }
}

fn method(request: &PlaceOrderRequest) -> PaymentMethod {
    match request.payment_method() {
        PaymentMethod::CashOnDelivery => PaymentMethod::CashOnDelivery,
        PaymentMethod::Unspecified | PaymentMethod::Online => PaymentMethod::Online,
    }
}

/// What a `pre_order_id` stands for.
enum Opened {
    /// An order already (TR-26).
    Placed(Box<Order>),
    /// An open draft.
    Draft(Box<DraftRow>),
    /// Nothing was named.
    None,
}

async fn open_draft(app: &App, cx: &Cx, customer: AccountId, pre_order_id: i64) -> Result<Opened, Error> {
    if pre_order_id == 0 {
        return Ok(Opened::None);
    }
    if let Some(order) = first(app, customer, pre_order_id).await? {
        return Ok(Opened::Placed(Box::new(order)));
    }
    let row = drafts::by_id(&app.deps.store, pre_order_id).await?;
    match row.filter(|row| row.customer == customer && row.expires_at > cx.now) {
        Some(row) => Ok(Opened::Draft(Box::new(row))),
        // It may have become an order between the two looks.
        None => match first(app, customer, pre_order_id).await? {
            Some(order) => Ok(Opened::Placed(Box::new(order))),
            None => Err(super::drafts::not_found(pre_order_id)),
        },
    }
}

/// The order that a draft of the customer has become.
async fn first(app: &App, customer: AccountId, pre_order_id: i64) -> Result<Option<Order>, Error> {
    let row = orders::by_pre_order(&app.deps.store, pre_order_id).await?;
    Ok(row.filter(|row| row.customer == customer).map(|row| view::order(&row, &[Role::Customer])))
}

/// Refuses early who would be refused by the commit (TR-24).
async fn check_pace(app: &App, cx: &Cx, customer: AccountId) -> Result<(), Error> {
    let window = app.deps.config.min_interval_per_customer;
    if window.is_zero() {
        return Ok(());
    }
    let last = paces::placed_at(&app.deps.store, customer).await?;
    match last.filter(|last| *last > cx.now.minus(window)) {
        Some(last) => {
            let wait = last.plus(window).since(cx.now);
            Err(errors::ORDER_TOO_FAST.error("an order was placed a moment ago").retry_in(wait))
        }
        None => Ok(()),
    }
}

/// An order on its way into the database.
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
        let asks_coupons = quote::coupons_to_ask(&basket, &self.draft);
        if asks_coupons.is_none() {
            self.price(&mut basket, &[]);
        } else if !basket.problems.is_empty() {
            // Refused in any case, and with everything that is wrong.
            let worth = match asks_coupons.clone() {
                Some(request) => self.app.deps.coupons.validate_coupons(&on_behalf(self.cx), request).await,
                None => Ok(Default::default()),
            };
            basket.take_worth(worth)?;
        }
        if !basket.problems.is_empty() {
            return Err(self.refusal(&mut basket, &[]));
        }
        let id = self.app.deps.store.next_id(self.cx.now);
        let mut order = self.order(id, &basket);
        let is_hot = self.app.heat.is_hot(&hold::units(&order), self.cx.now);
        order.placement_mode = if is_hot { PlacementMode::Queued } else { PlacementMode::Synchronous }.into();
        let coupons = self.coupons(&order, asks_coupons);
        let parts = Parts { units: !is_hot, coupons: coupons.is_any() };
        let stock = parts.units.then(|| hold::reservation(&order, self.held_until()));
        let held = hold::hold(self.app, self.cx, id, Wanted { stock, coupons }).await?;
        if held.stock.as_ref().is_some_and(|stock| stock.state() == ReservationState::Refused) {
            self.app.heat.found_short(&hold::units(&order), self.cx.now);
        }
        let is_held = held.is_whole();
        let outcome = self.decide(&mut basket, held);
        let (price, discounts) = match outcome {
            Ok(decided) => decided,
            Err(error) => {
                if is_held {
                    hold::give_back(self.app, self.cx, id, parts).await;
                }
                return Err(error);
            }
        };
        order.lines = basket.lines.lines.iter().cloned().map(view::line).collect();
        order.price = Some(view::price(price, &basket.lines.currency));
        let coupon_ids = discounts.iter().map(|discount| discount.coupon_id).collect();
        let row = self.row(id, order, coupon_ids);
        let change = if is_hot { self.queue(&basket, row) } else { self.begin(&basket, row)? };
        self.write(change, parts).await
    }

    /// What to hold of coupons: those that the order uses, or places for those that it buys.
    fn coupons(&self, order: &Order, asks: Option<ValidateCouponsRequest>) -> CouponsWanted {
        if let Some(request) = hold::vouchers(order, self.held_until()) {
            return CouponsWanted::Bought(request);
        }
        let Some(ask) = asks else { return CouponsWanted::Nothing };
        CouponsWanted::Used(ReserveCouponsRequest {
            order_id: order.order_id,
            account_id: self.customer.get(),
            shop_id: ask.shop_id,
            currency: ask.currency,
            lines: ask.lines,
            coupon_ids: ask.coupon_ids,
            expires_at: Some(self.held_until().into()),
        })
    }

    /// Until when what is held waits for the order to be paid.
    fn held_until(&self) -> Timestamp {
        let pay_until = (self.method != PaymentMethod::CashOnDelivery).then(|| self.pay_until());
        hold::held_until(pay_until, self.cx.now)
    }

    fn pay_until(&self) -> Timestamp {
        self.cx.now.plus(self.app.deps.config.unpaid_ttl)
    }

    /// Decides by what others said: the price, or why not.
    fn decide(&self, basket: &mut Basket, held: Held) -> Result<(Price, Vec<Discount>), Error> {
        if let Some(stock) = &held.stock {
            basket.problems.extend(short_lines(basket, stock));
        }
        let discounts = basket.take_worth(held.coupons)?;
        let price = if basket.problems.is_empty() { self.price(basket, &discounts) } else { None };
        match price {
            Some(price) if basket.problems.is_empty() => Ok((price, discounts)),
            _ => Err(self.refusal(basket, &discounts)),
        }
    }

    /// The price; another one than the customer saw is a problem.
    fn price(&self, basket: &mut Basket, discounts: &[Discount]) -> Option<Price> {
        let price = basket.sum_up(discounts, self.cx)?;
        if price.total_minor != self.expected_minor {
            let detail = format!("the total is {}, and {} was expected", price.total_minor, self.expected_minor);
            basket.problems.push(Problem::new(ProblemKind::PriceChanged, "expected_total_minor", detail));
        }
        Some(price)
    }

    /// Everything that is wrong as one error: its own when there is one kind, `ORDER_REFUSED` for several.
    fn refusal(&self, basket: &mut Basket, discounts: &[Discount]) -> Error {
        let problems = std::mem::take(&mut basket.problems);
        let mut kinds = problems.iter().map(|problem| problem.kind);
        let (first, is_one_kind) = (kinds.next(), problems.windows(2).all(|pair| pair[0].kind == pair[1].kind));
        let mut error = match (first, problems.as_slice()) {
            (Some(kind), [only]) => spec(kind).error(only.detail.clone()),
            (Some(kind), all) if is_one_kind => spec(kind).error(format!("{} things are wrong", all.len())),
            (_, all) => errors::ORDER_REFUSED.error(format!("{} things are wrong", all.len())),
        };
        if problems.iter().any(|problem| problem.kind == ProblemKind::PriceChanged) {
            let price = basket.sum_up(discounts, self.cx);
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

    /// The order without its price, which is known when everything is held.
    fn order(&self, id: i64, basket: &Basket) -> Order {
        let is_delivery = basket.setting.is_delivery;
        Order {
            order_id: id,
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

    fn row(&self, id: i64, order: Order, coupon_ids: Vec<i64>) -> OrderRow {
        OrderRow {
            id: OrderId::new(id),
            shop: pulse_kernel::id::ShopId::new(order.shop_id),
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

    /// The order has everything: its life begins, and its cart is empty.
    fn begin(&self, basket: &Basket, row: OrderRow) -> Result<Change, Error> {
        let mut change = Change::of(row, self.cx);
        begin(&mut change, self.cx, self.pay_until())?;
        if let Some(cart) = &basket.cart {
            change.with(|commit, _| commit.write(carts::take_away(cart)));
        }
        Ok(change)
    }

    /// The order waits for its units, but not for ever. What it is to be paid until is said now.
    fn queue(&self, basket: &Basket, mut row: OrderRow) -> Change {
        let place_until = self.cx.now.plus(self.app.deps.config.queued_placement.timeout).min(self.pay_until());
        row.state = OrderState::Placing;
        row.stored.place_until = Some(place_until.into());
        row.stored.cart_version = basket.cart.as_ref().map_or(0, |cart| cart.version);
        if let Some(order) = &mut row.stored.order {
            order.history = vec![view::step(State::Placing, self.cx.now, Role::Customer, "")];
            order.expires_at = is_paid_first(order).then(|| self.pay_until().into());
        }
        let mut change = Change::of(row, self.cx);
        change.tell_queued();
        change.with(|commit, row| {
            commit.timer(Timer { kind: EXPIRE, key: row.id.get(), due_at: place_until, payload: Default::default() })
        });
        change
    }

    /// The one commit: the order and its events, its timer, the end of its draft, and the answer.
    async fn write(&self, mut change: Change, held: Parts) -> Result<Order, Error> {
        let (app, cx, id) = (self.app, self.cx, change.row.id);
        if !app.deps.config.min_interval_per_customer.is_zero() {
            let since = cx.now.minus(app.deps.config.min_interval_per_customer);
            change.with(|commit, row| paces::pass(commit, row.customer, since, cx.now));
        }
        if let Some(draft) = &self.opened {
            change.with(|commit, _| commit.write(drafts::delete(draft.pre_order_id)));
        }
        let (row, commit) = change.end_new();
        let order = view::order(&row, &[Role::Customer]);
        match app.deps.store.commit(cx, commit.answer(cx, &order)).await {
            Ok(()) => Ok(order),
            // It may be written: what it holds must stay, and expires when it is not.
            Err(error @ StoreError::Unavailable { is_outcome_unknown: true, .. }) => Err(error.into()),
            Err(error) => {
                hold::give_back(app, cx, id.get(), held).await;
                Err(error.into())
            }
        }
    }
}

/// The lines that stock refused.
fn short_lines(basket: &Basket, stock: &Reservation) -> Vec<Problem> {
    if stock.state() == ReservationState::Active {
        return Vec::new();
    }
    let problem = |index: usize, line: &pulse_contract::stock::v1::ReservedLine| {
        let (field, detail) = match basket.kind {
            OrderKind::VirtualVoucher => ("voucher_quantity".to_owned(), line.available),
            OrderKind::Unspecified | OrderKind::Goods => (format!("lines[{index}]"), line.available),
        };
        let detail = match line.status() {
            LineStatus::Unavailable => "it is out for now".to_owned(),
            LineStatus::Unspecified
            | LineStatus::Ok
            | LineStatus::Untracked
            | LineStatus::DeferredToPayment
            | LineStatus::Insufficient => format!("{detail} are available, and {} were asked for", line.quantity),
        };
        Problem::new(ProblemKind::StockShort, field, detail)
    };
    let is_refused = |status| matches!(status, LineStatus::Unavailable | LineStatus::Insufficient);
    let lines = stock.lines.iter().enumerate().filter(|(_, line)| is_refused(line.status()));
    let problems: Vec<Problem> = lines.map(|(index, line)| problem(index, line)).collect();
    if problems.is_empty() {
        return vec![Problem::new(ProblemKind::StockShort, "lines", "not everything can be had")];
    }
    problems
}

fn quote_json(quote: Quote) -> String {
    let text = |quote: &Quote| String::from_utf8_lossy(&quote.to_json()).into_owned();
    let json = text(&quote);
    if json.len() <= QUOTE_JSON_MAX { json } else { text(&Quote { lines: Vec::new(), ..quote }) }
}
