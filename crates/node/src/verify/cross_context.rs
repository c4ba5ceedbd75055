//! What must hold between contexts, asked through their own calls: no reservation without an owner, nothing sold that is
//! not taken, no paid order without its lines in the ledger.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt, TryStreamExt};
use pulse_contract::order::v1::{
    GetOrderRequest, ListOrdersRequest, Order, OrderKind, OrderState, OrderSummary, PaymentMethod, PaymentState,
};
use pulse_contract::payment::v1::ListLedgerEntriesRequest;
use pulse_contract::stock::v1::{
    GetReservationRequest, ListActiveReservationsRequest, ReleaseReservationRequest, Reservation, ReservationKey,
    ReservationOwner, ReservationState, ResourceKind, ResourceRef,
};
use pulse_kernel::{Cx, Error, Finding, Kind, Timestamp, Verified};

use super::VerifyTargets;

/// A reservation that is held is held by an order that waits for its money, or is about to be placed.
const OWNED: &str = "between.held_units_have_an_owner";
/// What an order is and what its reservation is fit together.
const TAKEN: &str = "between.orders_have_their_units";
/// A paid order has its entries.
const BOOKED: &str = "between.paid_orders_are_booked";

/// How many are asked for at the same time.
const CONCURRENCY: usize = 32;
/// The largest page.
const PAGE: i32 = 100;

/// Looks at everything, a page at a time.
pub(super) async fn verify(targets: &VerifyTargets, is_repair: bool) -> Result<Verified, Error> {
    let verified = BTreeMap::from([(OWNED, 0), (TAKEN, 0), (BOOKED, 0)]);
    let mut check = CrossCheck { targets, cx: Cx::system("verify", targets.clock.now()), is_repair, verified };
    let mut findings = check.held().await?;
    findings.extend(check.orders().await?);
    Ok(Verified { checked: check.verified.into_iter().collect(), findings })
}

struct CrossCheck<'a> {
    targets: &'a VerifyTargets,
    cx: Cx,
    is_repair: bool,
    verified: BTreeMap<&'static str, u64>,
}

impl CrossCheck<'_> {
    /// Before each page: it is another request, and may have to wait.
    async fn turn_page(&mut self) {
        if let Some(throttle) = &self.targets.throttle {
            throttle.pause().await;
        }
        self.cx = Cx::system("verify", self.targets.clock.now());
    }

    fn count(&mut self, invariant: &'static str, count: usize) {
        *self.verified.entry(invariant).or_default() += u64::try_from(count).unwrap_or(u64::MAX);
    }

    /// Every reservation that is held.
    async fn held(&mut self) -> Result<Vec<Finding>, Error> {
        let (mut findings, mut page_token) = (Vec::new(), String::new());
        loop {
            self.turn_page().await;
            let request = ListActiveReservationsRequest { page_size: PAGE, page_token };
            let page = self.targets.stock.list_active_reservations(&self.cx, request).await?;
            self.count(OWNED, page.reservations.len());
            let this = &*self;
            let found: Vec<Option<Finding>> = stream::iter(page.reservations)
                .map(|held| this.owner(held))
                .buffered(CONCURRENCY)
                .try_collect()
                .await?;
            findings.extend(found.into_iter().flatten());
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(findings);
            }
        }
    }

    /// What is wrong with a reservation that an order holds.
    async fn owner(&self, held: Reservation) -> Result<Option<Finding>, Error> {
        let Some(key) = held.key.filter(|key| key.owner() == ReservationOwner::Order) else { return Ok(None) };
        let order = match self.targets.orders.get_order(&self.cx, GetOrderRequest { order_id: key.id }).await {
            Ok(order) => Some(order),
            Err(error) if error.kind() == Kind::NotFound => None,
            Err(error) => return Err(error),
        };
        let detail = match order {
            // Its order has ended; the events that give back are delivered by now.
            Some(order) if order.state() == OrderState::Cancelled => "the order is cancelled".to_owned(),
            Some(_) => return Ok(None),
            // It would expire by itself. Where nobody else works, nobody is about to place the order; but that of a sale is
            // placed when its batch is repeated, and what was given back could not be held for it again.
            None if self.is_repair && self.targets.is_exclusive && !is_of_a_sale(&held) => {
                "there is no such order; it was under way".to_owned()
            }
            None if held.expires_at.is_none_or(|at| Timestamp::from(at) < self.cx.now) => {
                "there is no such order, and its time is over".to_owned()
            }
            None => return Ok(None),
        };
        let is_repaired = self.is_repair && self.give_back(key).await;
        Ok(Some(Finding { invariant: OWNED, subject: format!("order {}", key.id), detail, is_repaired }))
    }

    async fn give_back(&self, key: ReservationKey) -> bool {
        let request = ReleaseReservationRequest { key: Some(key) };
        self.targets.stock.release_reservation(&self.cx, request).await.is_ok()
    }

    /// Every order.
    async fn orders(&mut self) -> Result<Vec<Finding>, Error> {
        let (mut findings, mut page_token) = (Vec::new(), String::new());
        loop {
            self.turn_page().await;
            let request = ListOrdersRequest { page_size: PAGE, page_token, ..ListOrdersRequest::default() };
            let page = self.targets.orders.list_orders(&self.cx, request).await?;
            self.count(TAKEN, page.orders.len());
            let this = &*self;
            let found: Vec<Vec<Finding>> =
                stream::iter(page.orders).map(|order| this.order(order)).buffered(CONCURRENCY).try_collect().await?;
            self.count(BOOKED, found.len());
            findings.extend(found.into_iter().flatten());
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(findings);
            }
        }
    }

    async fn order(&self, summary: OrderSummary) -> Result<Vec<Finding>, Error> {
        let order = self.targets.orders.get_order(&self.cx, GetOrderRequest { order_id: summary.order_id }).await?;
        let found = [self.units(&order).await?, self.entries(&order).await?];
        Ok(found.into_iter().flatten().collect())
    }

    async fn units(&self, order: &Order) -> Result<Option<Finding>, Error> {
        let key = Some(ReservationKey { owner: ReservationOwner::Order.into(), id: order.order_id });
        let reservation = match self.targets.stock.get_reservation(&self.cx, GetReservationRequest { key }).await {
            Ok(reservation) => reservation,
            Err(error) if error.kind() == Kind::NotFound => Reservation::default(),
            Err(error) => return Err(error),
        };
        let state = reservation.state();
        let detail = if !fits(order.state(), state) {
            format!("it is {}, and its units are {}", order.state().as_str_name(), state.as_str_name())
        } else if !is_of_its_sale(order, &reservation) {
            format!("it is of sale {}, and its units are not", order.sale_id)
        } else {
            return Ok(None);
        };
        let subject = format!("order {}", order.order_id);
        Ok(Some(Finding { invariant: TAKEN, subject, detail, is_repaired: false }))
    }

    async fn entries(&self, order: &Order) -> Result<Option<Finding>, Error> {
        let total = order.price.as_ref().map_or(0, |price| price.total_minor);
        let is_paid = order.payment_state() != PaymentState::Unpaid;
        if !is_paid || total == 0 || order.payment_method() != PaymentMethod::Online {
            return Ok(None);
        }
        let request = ListLedgerEntriesRequest { order_id: order.order_id, page_size: 1, page_token: String::new() };
        let entries = self.targets.payments.list_ledger_entries(&self.cx, request).await?.entries;
        let kind = if order.kind() == OrderKind::VirtualVoucher { "voucher order" } else { "order" };
        Ok(entries.is_empty().then(|| Finding {
            invariant: BOOKED,
            subject: format!("{kind} {}", order.order_id),
            detail: format!("{total} was paid, and the ledger has no entry"),
            is_repaired: false,
        }))
    }
}

/// Whether an order may be in this state while its reservation is in that one.
fn fits(order: OrderState, units: ReservationState) -> bool {
    match order {
        OrderState::Unspecified => false,
        // They are asked for a moment before it is placed.
        OrderState::Placing => {
            matches!(units, ReservationState::Unspecified | ReservationState::Active | ReservationState::Expired)
        }
        // Its time may be over while the order waits: then it is taken anew when it is paid.
        OrderState::AwaitingPayment => matches!(units, ReservationState::Active | ReservationState::Expired),
        OrderState::Cancelled => {
            matches!(units, ReservationState::Released | ReservationState::Expired | ReservationState::Unspecified)
        }
        // One that was paid after it was cancelled may hold its units under another key, or cash is just being secured.
        OrderState::Confirmed => units != ReservationState::Unspecified,
        OrderState::Preparing | OrderState::Ready | OrderState::Delivering | OrderState::Completed => {
            units != ReservationState::Active && units != ReservationState::Unspecified
        }
    }
}

/// Whether the units of an order are those of its sale, as many as it has; what was never reserved has no lines.
fn is_of_its_sale(order: &Order, reservation: &Reservation) -> bool {
    let sale = ResourceRef { kind: ResourceKind::Sale.into(), id: order.sale_id };
    if order.sale_id == 0 {
        return !is_of_a_sale(reservation);
    }
    let ordered: i64 = order.lines.iter().map(|line| i64::from(line.quantity)).sum();
    let reserved: i64 = reservation.lines.iter().map(|line| line.quantity).sum();
    reservation.lines.iter().all(|line| line.resource == Some(sale))
        && (reservation.lines.is_empty() || reserved == ordered)
}

/// Whether units of a sale are in it.
fn is_of_a_sale(reservation: &Reservation) -> bool {
    let is_of_a_sale = |resource: ResourceRef| resource.kind() == ResourceKind::Sale;
    reservation.lines.iter().any(|line| line.resource.is_some_and(is_of_a_sale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulse_contract::order::v1::OrderLine;
    use pulse_contract::stock::v1::ReservedLine;

    #[test]
    fn an_order_has_the_units_of_its_sale_and_no_other() {
        let order = |sale_id| Order {
            sale_id,
            lines: vec![OrderLine { quantity: 2, ..OrderLine::default() }],
            ..Order::default()
        };
        let units = |kind: ResourceKind, id, quantity| {
            let resource = Some(ResourceRef { kind: kind.into(), id });
            Reservation { lines: vec![ReservedLine { resource, quantity, ..Default::default() }], ..Default::default() }
        };
        for (sale_id, reservation, expected) in [
            (7, units(ResourceKind::Sale, 7, 2), true),
            (7, units(ResourceKind::Sale, 7, 1), false),
            (7, units(ResourceKind::Sale, 8, 2), false),
            (7, units(ResourceKind::Sku, 7, 2), false),
            (7, Reservation::default(), true),
            (0, units(ResourceKind::Sku, 7, 2), true),
            (0, units(ResourceKind::Sale, 7, 2), false),
            (0, Reservation::default(), true),
        ] {
            assert_eq!(is_of_its_sale(&order(sale_id), &reservation), expected, "{sale_id} {reservation:?}");
        }
    }
}
