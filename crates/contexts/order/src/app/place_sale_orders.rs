//! Creates the orders of buyers whom a flash sale admitted: one call reserves the stock of a batch, one commit stores it.
//!
//! The caller chooses the IDs, so a request can be repeated after any failure: an existing order is not changed, and an
//! existing reservation is found again. A batch that loses a race is decided once more as a whole.

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

use super::activate::activate;
use super::transition::Transition;
use super::{App, quote, reservations, view};
use crate::domain::machine::{Role, State};
use crate::domain::quote::{Conditions, Offer, RequestedLine, Variant, price_lines, total_price};
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

/// Customers of orders that exist already.
type Known = HashMap<OrderId, AccountId>;

/// A batch of orders that is being placed.
struct Batch<'a> {
    app: &'a App,
    cx: &'a Cx,
    /// Distinct orders, in the sequence of the request.
    requested: Vec<&'a SaleOrder>,
    /// Orders without their own values, by quantity.
    templates: BTreeMap<i32, Order>,
    /// IDs of the response, in the sequence of the request.
    response_ids: Vec<OrderId>,
}

impl<'a> Batch<'a> {
    fn of(app: &'a App, cx: &'a Cx, request: &'a PlaceSaleOrdersRequest) -> Result<Self, Error> {
        let offer = request.offer.as_ref().ok_or_else(|| common::VALIDATION_FAILED.error("offer is required"))?;
        let mut first: HashMap<i64, &SaleOrder> = HashMap::with_capacity(request.orders.len());
        let mut requested = Vec::with_capacity(request.orders.len());
        let mut templates = BTreeMap::new();
        for order in &request.orders {
            match first.insert(order.order_id, order) {
                Some(same) if same == order => continue,
                Some(_) => return Err(reused(id(order))),
                None => requested.push(order),
            }
            if let Entry::Vacant(vacant) = templates.entry(order.quantity) {
                vacant.insert(template(offer, order.quantity, cx)?);
            }
        }
        let response_ids = request.orders.iter().map(id).collect();
        Ok(Self { app, cx, requested, templates, response_ids })
    }

    async fn place(&self) -> Result<PlaceSaleOrdersResponse, Error> {
        let known = self.known(&self.requested).await?;
        let is_new = |order: &&SaleOrder| !known.contains_key(&id(order));
        let (due, late): (Vec<&SaleOrder>, Vec<&SaleOrder>) =
            self.requested.iter().copied().filter(is_new).partition(|order| pay_until(order) > self.cx.now);
        let reserved = self.reserve(&due).await?;
        let (mut placeable, mut ended) = (Vec::with_capacity(due.len()), Vec::new());
        let mut states: HashMap<OrderId, SaleOrderState> = HashMap::with_capacity(self.requested.len());
        states.extend(known.keys().map(|id| (*id, SaleOrderState::Placed)));
        states.extend(late.iter().map(|order| (id(order), SaleOrderState::Expired)));
        for (order, reservation) in due.into_iter().zip(&reserved) {
            let state = state_of(reservation);
            states.insert(id(order), state);
            if state == SaleOrderState::Placed {
                placeable.push(order);
            } else if reservation.state() != ReservationState::Refused {
                ended.push(order);
            }
        }
        // A reservation that ended belongs to an order that was placed and cancelled meanwhile, or to no order.
        let cancelled = self.known(&ended).await?;
        states.extend(cancelled.keys().map(|id| (*id, SaleOrderState::Placed)));
        let outcome = |id: &OrderId| outcome(*id, states.get(id).copied().unwrap_or_default());
        let response = PlaceSaleOrdersResponse { outcomes: self.response_ids.iter().map(outcome).collect() };
        self.store(&placeable, &response).await?;
        Ok(response)
    }

    /// Customers of the orders that exist already.
    ///
    /// # Errors
    /// `IDEMPOTENCY_KEY_REUSED` if an ID belongs to the order of another customer.
    async fn known(&self, orders: &[&SaleOrder]) -> Result<Known, Error> {
        if orders.is_empty() {
            return Ok(Known::new());
        }
        let ids: Vec<OrderId> = orders.iter().map(|order| id(order)).collect();
        let known = orders::customers(&self.app.deps.store, &ids).await?;
        let is_foreign =
            |order: &&&SaleOrder| known.get(&id(order)).is_some_and(|customer| customer.get() != order.account_id);
        match orders.iter().find(is_foreign) {
            Some(foreign) => Err(reused(id(foreign))),
            None => Ok(known),
        }
    }

    async fn reserve(&self, due: &[&SaleOrder]) -> Result<Vec<Reservation>, Error> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let request = |order: &&SaleOrder| ReserveRequest {
            key: Some(reservations::key(id(order).into())),
            lines: self.templates.get(&order.quantity).map(reservations::stock_lines).unwrap_or_default(),
            expires_at: Some(pay_until(order).plus(reservations::GRACE).into()),
            is_payment: false,
        };
        let request = ReserveManyRequest { reservations: due.iter().map(request).collect() };
        let answer = self.app.deps.stock.reserve_many(&self.cx.as_system(reservations::ACTOR), request).await?;
        Ok(answer.reservations)
    }

    /// Commits all orders with their events and timers, and the answer.
    async fn store(&self, placeable: &[&SaleOrder], response: &PlaceSaleOrdersResponse) -> Result<(), Error> {
        if placeable.is_empty() && self.cx.idempotency.is_none() {
            return Ok(());
        }
        let mut commit = Commit::new();
        let mut rows = Vec::with_capacity(placeable.len());
        for requested in placeable {
            let Some(row) = self.row(requested) else { continue };
            let mut order = Transition::within(commit, row, self.cx);
            activate(&mut order, self.cx, pay_until(requested))?;
            let (row, extended) = order.finish_without_row();
            commit = extended;
            rows.push(row);
        }
        let commit = orders::insert_many(commit, &rows).answer(self.cx, response);
        let outcome = self.app.deps.store.commit(self.cx, commit).await.map_err(Error::from);
        // If the caller may repeat the request, the reservations stay for it; otherwise they expire.
        if outcome.as_ref().is_err_and(|error| error.spec().retry == Retry::Never) {
            self.release(placeable).await;
        }
        outcome
    }

    /// Releases the stock of orders that do not exist.
    async fn release(&self, orders: &[&SaleOrder]) {
        let Ok(placed) = self.known(orders).await else { return };
        let unplaced = orders.iter().map(|order| id(order)).filter(|id| !placed.contains_key(id));
        join_all(unplaced.map(|id| reservations::release_unplaced_stock(self.app, self.cx, id))).await;
    }

    fn row(&self, requested: &SaleOrder) -> Option<OrderRow> {
        let template = self.templates.get(&requested.quantity)?.clone();
        let placed_at = requested.admitted_at.map_or(self.cx.now, Timestamp::from).min(self.cx.now);
        let order = Order {
            order_id: requested.order_id,
            customer_account_id: requested.account_id,
            placed_at: Some(placed_at.into()),
            ..template
        };
        Some(OrderRow {
            id: id(requested),
            shop: ShopId::new(order.shop_id),
            customer: AccountId::new(requested.account_id),
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

fn id(order: &SaleOrder) -> OrderId {
    OrderId::new(order.order_id)
}

fn pay_until(order: &SaleOrder) -> Timestamp {
    order.pay_until.map_or(Timestamp::EPOCH, Timestamp::from)
}

/// Result of an order by its reservation. Untracked stock is refused: a sale sells only the units that it received.
fn state_of(reservation: &Reservation) -> SaleOrderState {
    let is_available = |status| matches!(status, LineStatus::Ok | LineStatus::DeferredToPayment);
    match reservation.state() {
        // Confirmed if the order was placed and paid meanwhile; then the commit is refused as a conflict.
        ReservationState::Active | ReservationState::Confirmed
            if reservation.lines.iter().all(|line| is_available(line.status())) =>
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

fn outcome(id: OrderId, state: SaleOrderState) -> SaleOrderOutcome {
    let code = match state {
        SaleOrderState::Unspecified | SaleOrderState::Placed => "",
        SaleOrderState::StockShort => errors::ORDER_STOCK_SHORT.code,
        SaleOrderState::Expired => errors::ORDER_PAY_TIME_OVER.code,
    };
    SaleOrderOutcome { order_id: id.get(), state: state.into(), code: code.to_owned() }
}

fn reused(id: OrderId) -> Error {
    common::IDEMPOTENCY_KEY_REUSED.error("order_id identifies a different order").with("order_id", id.get())
}

/// An order of this quantity, without ID and customer.
fn template(offer: &SaleOffer, quantity: i32, cx: &Cx) -> Result<Order, Error> {
    let price = offer.unit_price.clone().unwrap_or_default();
    if price.minor < 0 {
        let detail = format!("offer.unit_price.minor must be at least 0, got {}", price.minor);
        return Err(common::VALIDATION_FAILED.error(detail));
    }
    let product_id = offer.product_id;
    let (variant_id, name) = (offer.variant_id, offer.variant_name.clone());
    let variant = Variant { variant_id, name, price_minor: price.minor, currency: price.currency };
    let (name, category_code) = (offer.product_name.clone(), offer.category_code);
    let offered = Offer { product_id, name, category_code, variants: vec![variant], ..Offer::default() };
    let requested = RequestedLine { product_id, variant_id, quantity, ..RequestedLine::default() };
    let mut lines = price_lines(&[offered], vec![requested]);
    // The price of a sale includes fees and taxes.
    let total = match lines.problems.pop() {
        Some(problem) => Err(problem),
        None => total_price(&mut lines, &Conditions::default(), &[], cx.locale),
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
