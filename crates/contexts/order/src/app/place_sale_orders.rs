//! Makes orders of those whom a flash sale has admitted: one reservation of many, one commit of many.
//!
//! Everything has a key that the caller chose, so whatever broke off, the same request again ends well: an order that is
//! there stays as it is, and a reservation that was made before is found again. The whole batch is decided once more when
//! it has lost a race.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use futures::future::join_all;
use pulse_contract::order::v1::{
    Fulfilment, Order, OrderKind, OrderState, PaymentMethod, PaymentState, PlaceSaleOrdersRequest,
    PlaceSaleOrdersResponse, SaleOffer, SaleOrder, SaleOrderOutcome, SaleOrderState, StoredOrder, errors,
};
use pulse_contract::stock::v1::{LineStatus, Reservation, ReservationState, ReserveManyRequest, ReserveRequest};
use pulse_contract::{Validate, errors as common};
use pulse_kernel::error::Retry;
use pulse_kernel::id::{AccountId, OrderId, ShopId};
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Commit;

use super::begin::begin;
use super::change::Change;
use super::{App, hold, quote, view};
use crate::domain::machine::{Role, State};
use crate::domain::quote::{Offer, Setting, Variant, Wish, price_lines, sum_up};
use crate::store::orders::{self, OrderRow, SCHEMA};

pub(crate) async fn place_sale_orders(
    app: &App,
    cx: &Cx,
    request: PlaceSaleOrdersRequest,
) -> Result<PlaceSaleOrdersResponse, Error> {
    request.validate()?;
    let batch = Batch::of(app, cx, &request)?;
    app.deps.store.attempt(cx, || batch.place()).await
}

/// Whose an order that exists already is.
type Known = HashMap<i64, AccountId>;

/// Orders on their way into the database.
struct Batch<'a> {
    app: &'a App,
    cx: &'a Cx,
    /// Each once, in the order of the request.
    wanted: Vec<&'a SaleOrder>,
    /// What an order of so many units looks like, but for what is its own.
    patterns: BTreeMap<i32, Order>,
    /// The ids of the answer.
    asked: Vec<i64>,
}

impl<'a> Batch<'a> {
    fn of(app: &'a App, cx: &'a Cx, request: &'a PlaceSaleOrdersRequest) -> Result<Self, Error> {
        let offer = request.offer.as_ref().ok_or_else(|| common::VALIDATION_FAILED.error("there is no offer"))?;
        let mut first: HashMap<i64, &SaleOrder> = HashMap::with_capacity(request.orders.len());
        let mut wanted = Vec::with_capacity(request.orders.len());
        let mut patterns = BTreeMap::new();
        for order in &request.orders {
            match first.insert(order.order_id, order) {
                Some(same) if same == order => continue,
                Some(_) => return Err(reused(order.order_id)),
                None => wanted.push(order),
            }
            if let Entry::Vacant(vacant) = patterns.entry(order.quantity) {
                vacant.insert(pattern(offer, order.quantity, cx)?);
            }
        }
        let asked = request.orders.iter().map(|order| order.order_id).collect();
        Ok(Self { app, cx, wanted, patterns, asked })
    }

    async fn place(&self) -> Result<PlaceSaleOrdersResponse, Error> {
        let known = self.known(&self.wanted).await?;
        let is_new = |order: &&SaleOrder| !known.contains_key(&order.order_id);
        let (due, late): (Vec<&SaleOrder>, Vec<&SaleOrder>) =
            self.wanted.iter().copied().filter(is_new).partition(|order| pay_until(order) > self.cx.now);
        let reserved = self.reserve(&due).await?;
        let (mut held, mut gone) = (Vec::with_capacity(due.len()), Vec::new());
        let mut states: HashMap<i64, SaleOrderState> = HashMap::with_capacity(self.wanted.len());
        states.extend(known.keys().map(|id| (*id, SaleOrderState::Placed)));
        states.extend(late.iter().map(|order| (order.order_id, SaleOrderState::Expired)));
        for (order, reservation) in due.into_iter().zip(&reserved) {
            let state = judge(reservation);
            states.insert(order.order_id, state);
            if state == SaleOrderState::Placed {
                held.push(order);
            } else if reservation.state() != ReservationState::Refused {
                gone.push(order);
            }
        }
        // Given back: the order was placed and cancelled while this was under way, or it never will be.
        let cancelled = self.known(&gone).await?;
        states.extend(cancelled.keys().map(|id| (*id, SaleOrderState::Placed)));
        let outcome = |id: &i64| outcome(*id, states.get(id).copied().unwrap_or_default());
        let response = PlaceSaleOrdersResponse { outcomes: self.asked.iter().map(outcome).collect() };
        self.write(&held, &response).await?;
        Ok(response)
    }

    /// Those of the orders that exist already.
    ///
    /// # Errors
    /// `IDEMPOTENCY_KEY_REUSED` when one of them is somebody else's.
    async fn known(&self, orders: &[&SaleOrder]) -> Result<Known, Error> {
        if orders.is_empty() {
            return Ok(Known::new());
        }
        let ids: Vec<i64> = orders.iter().map(|order| order.order_id).collect();
        let known = orders::customers(&self.app.deps.store, &ids).await?;
        let is_foreign =
            |order: &&&SaleOrder| known.get(&order.order_id).is_some_and(|customer| customer.get() != order.account_id);
        match orders.iter().find(is_foreign) {
            Some(foreign) => Err(reused(foreign.order_id)),
            None => Ok(known),
        }
    }

    async fn reserve(&self, due: &[&SaleOrder]) -> Result<Vec<Reservation>, Error> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let request = |order: &&SaleOrder| ReserveRequest {
            key: Some(hold::key(order.order_id)),
            lines: self.patterns.get(&order.quantity).map(hold::units).unwrap_or_default(),
            expires_at: Some(pay_until(order).plus(hold::GRACE).into()),
            is_payment: false,
        };
        let request = ReserveManyRequest { reservations: due.iter().map(request).collect() };
        let answer = self.app.deps.stock.reserve_many(&self.cx.as_system(hold::WHO), request).await?;
        Ok(answer.reservations)
    }

    /// The one commit: every order with its event and its timer, and the answer.
    async fn write(&self, held: &[&SaleOrder], response: &PlaceSaleOrdersResponse) -> Result<(), Error> {
        if held.is_empty() && self.cx.idempotency.is_none() {
            return Ok(());
        }
        let mut commit = Commit::new();
        let mut rows = Vec::with_capacity(held.len());
        for wanted in held {
            let Some(row) = self.row(wanted) else { continue };
            let mut change = Change::within(commit, row, self.cx);
            begin(&mut change, self.cx, pay_until(wanted))?;
            let (row, written) = change.end_unwritten();
            commit = written;
            rows.push(row);
        }
        let commit = orders::insert_many(commit, &rows).answer(self.cx, response);
        let outcome = self.app.deps.store.commit(self.cx, commit).await.map_err(Error::from);
        // What a repetition may mend keeps its units for it; they expire when nobody comes.
        if outcome.as_ref().is_err_and(|error| error.spec().retry == Retry::Never) {
            self.give_back(held).await;
        }
        outcome
    }

    /// Gives back the units of orders that will never be. Nobody does that to an order that exists.
    async fn give_back(&self, held: &[&SaleOrder]) {
        let Ok(placed) = self.known(held).await else { return };
        let unplaced = held.iter().map(|order| order.order_id).filter(|id| !placed.contains_key(id));
        join_all(unplaced.map(|id| hold::give_back_units(self.app, self.cx, id))).await;
    }

    fn row(&self, wanted: &SaleOrder) -> Option<OrderRow> {
        let pattern = self.patterns.get(&wanted.quantity)?.clone();
        let placed_at = wanted.admitted_at.map_or(self.cx.now, Timestamp::from).min(self.cx.now);
        let order = Order {
            order_id: wanted.order_id,
            customer_account_id: wanted.account_id,
            placed_at: Some(placed_at.into()),
            ..pattern
        };
        Some(OrderRow {
            id: OrderId::new(wanted.order_id),
            shop: ShopId::new(order.shop_id),
            customer: AccountId::new(wanted.account_id),
            pre_order_id: None,
            state: OrderState::AwaitingPayment,
            payment_state: PaymentState::Unpaid,
            version: 0,
            placed_at,
            updated_at: self.cx.now,
            stored: StoredOrder { schema: SCHEMA, order: Some(order), ..StoredOrder::default() },
            is_archived: false,
        })
    }
}

fn pay_until(order: &SaleOrder) -> Timestamp {
    order.pay_until.map_or(Timestamp::EPOCH, Timestamp::from)
}

/// What a reservation means for its order. Units that nobody counts are not there: a sale sells what it was given.
fn judge(reservation: &Reservation) -> SaleOrderState {
    let is_there = |status| matches!(status, LineStatus::Ok | LineStatus::DeferredToPayment);
    match reservation.state() {
        // Confirmed when the order was placed and paid while this was under way; the commit finds out.
        ReservationState::Active | ReservationState::Confirmed
            if reservation.lines.iter().all(|line| is_there(line.status())) =>
        {
            SaleOrderState::Placed
        }
        ReservationState::Expired => SaleOrderState::Expired,
        ReservationState::Unspecified
        | ReservationState::Refused
        | ReservationState::Active
        | ReservationState::Confirmed
        | ReservationState::Released => SaleOrderState::StockShort,
    }
}

fn outcome(order_id: i64, state: SaleOrderState) -> SaleOrderOutcome {
    let code = match state {
        SaleOrderState::Unspecified | SaleOrderState::Placed => "",
        SaleOrderState::StockShort => errors::ORDER_STOCK_SHORT.code,
        SaleOrderState::Expired => errors::ORDER_PAY_TIME_OVER.code,
    };
    SaleOrderOutcome { order_id, state: state.into(), code: code.to_owned() }
}

fn reused(order_id: i64) -> Error {
    common::IDEMPOTENCY_KEY_REUSED.error("the id is that of another order").with("order_id", order_id)
}

/// An order of so many units, without its customer.
fn pattern(offer: &SaleOffer, quantity: i32, cx: &Cx) -> Result<Order, Error> {
    let price = offer.unit_price.clone().unwrap_or_default();
    if price.minor < 0 {
        return Err(common::VALIDATION_FAILED.error("a price is never negative"));
    }
    let product_id = offer.product_id;
    let (variant_id, name) = (offer.variant_id, offer.variant_name.clone());
    let variant = Variant { variant_id, name, price_minor: price.minor, currency: price.currency };
    let (name, category_code) = (offer.product_name.clone(), offer.category_code);
    let offered = Offer { product_id, name, category_code, variants: vec![variant], ..Offer::default() };
    let mut lines = price_lines(&[offered], vec![Wish { product_id, variant_id, quantity, ..Wish::default() }]);
    // Nothing is added to the price of a sale.
    let total = match lines.problems.pop() {
        Some(problem) => Err(problem),
        None => sum_up(&mut lines, &Setting::default(), &[], cx.locale),
    };
    let total = total.map_err(|problem| quote::spec(problem.kind).error(problem.detail))?;
    Ok(Order {
        shop_id: offer.shop_id,
        kind: match offer.kind() {
            OrderKind::VirtualVoucher => OrderKind::VirtualVoucher,
            OrderKind::Unspecified | OrderKind::Goods => OrderKind::Goods,
        }
        .into(),
        state: OrderState::AwaitingPayment.into(),
        shop_name: offer.shop_name.clone(),
        price: Some(view::price(total, &lines.currency)),
        lines: lines.lines.into_iter().map(view::line).collect(),
        fulfilment: Fulfilment::Pickup.into(),
        payment_method: PaymentMethod::Online.into(),
        payment_state: PaymentState::Unpaid.into(),
        history: vec![view::step(State::AwaitingPayment, cx.now, Role::Customer, "")],
        sale_id: offer.sale_id,
        ..Order::default()
    })
}
