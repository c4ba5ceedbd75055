//! Invariants between contexts, checked through their calls: no reservation without an owner, no sold unit that is not
//! reserved, no paid order without ledger entries.

use futures::stream::{self, StreamExt, TryStreamExt};
use pulse_contract::marketing::v1::CountBoughtCouponsRequest;
use pulse_contract::order::v1::{
    GetOrderRequest, ListOrdersRequest, Order, OrderKind, OrderState, OrderSummary, PaymentMethod, PaymentState,
};
use pulse_contract::payment::v1::ListLedgerEntriesRequest;
use pulse_contract::stock::v1::{
    GetReservationRequest, ListActiveReservationsRequest, ReleaseReservationRequest, Reservation, ReservationKey,
    ReservationOwner, ReservationState, ResourceKind, ResourceRef,
};
use pulse_kernel::{Cx, Error, Finding, Kind, Timestamp, Verified};
use pulse_work::Audit;

use super::VerifyTargets;

/// An active reservation of an order belongs to an order that waits for its payment or its placement.
const OWNED: &str = "between.held_units_have_an_owner";
/// The state of an order and the state of its reservation fit together.
const TAKEN: &str = "between.orders_have_their_units";
/// A paid order has ledger entries.
const BOOKED: &str = "between.paid_orders_are_booked";
/// As many vouchers of an order are refunded as its refunds pay back.
const ENDED: &str = "between.refunded_vouchers_are_revoked";

/// Maximum number of concurrent requests.
const CONCURRENCY: usize = 32;
/// Size of a page, the largest that the calls allow.
const PAGE: i32 = 100;

/// Checks all reservations and all orders, page by page.
pub(super) async fn verify(targets: &VerifyTargets, is_repair: bool) -> Result<Verified, Error> {
    let audit = Audit::new(&[OWNED, TAKEN, BOOKED, ENDED], is_repair);
    let mut check = CrossCheck { targets, cx: Cx::system("verify", targets.clock.now()), audit };
    check.reservations().await?;
    check.orders().await?;
    Ok(check.audit.finish())
}

struct CrossCheck<'a> {
    targets: &'a VerifyTargets,
    cx: Cx,
    audit: Audit,
}

impl CrossCheck<'_> {
    /// Prepares the requests of a page: waits when the throttle says so, and takes the current time.
    async fn turn_page(&mut self) {
        if let Some(throttle) = &self.targets.throttle {
            throttle.pause().await;
        }
        self.cx = Cx::system("verify", self.targets.clock.now());
    }

    fn report(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for Finding { invariant, subject, detail, is_repaired } in findings {
            self.audit.found(invariant, subject, detail, is_repaired);
        }
    }

    async fn reservations(&mut self) -> Result<(), Error> {
        let mut page_token = String::new();
        loop {
            self.turn_page().await;
            let request = ListActiveReservationsRequest { page_size: PAGE, page_token };
            let page = self.targets.stock.list_active_reservations(&self.cx, request).await?;
            self.audit.checked(OWNED, page.reservations.len());
            let this = &*self;
            let found: Vec<Option<Finding>> = stream::iter(page.reservations)
                .map(|reservation| this.owner(reservation))
                .buffered(CONCURRENCY)
                .try_collect()
                .await?;
            self.report(found.into_iter().flatten());
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(());
            }
        }
    }

    /// Checks the order of an active reservation.
    async fn owner(&self, reservation: Reservation) -> Result<Option<Finding>, Error> {
        let Some(key) = reservation.key.filter(|key| key.owner() == ReservationOwner::Order) else { return Ok(None) };
        let order = match self.targets.orders.get_order(&self.cx, GetOrderRequest { order_id: key.id }).await {
            Ok(order) => Some(order),
            Err(error) if error.kind() == Kind::NotFound => None,
            Err(error) => return Err(error),
        };
        let is_repair = self.audit.is_repairing();
        let detail = match order {
            // The events that release its reservation are delivered by now.
            Some(order) if order.state() == OrderState::Cancelled => "the order is cancelled".to_owned(),
            Some(_) => return Ok(None),
            // It would expire later. Without other nodes no order is being placed, so it can be released now; except for
            // an order of a sale, whose batch is repeated and could not reserve the units again.
            None if is_repair && self.targets.is_exclusive && !is_of_a_sale(&reservation) => {
                "the order does not exist; its placement was interrupted".to_owned()
            }
            None if reservation.expires_at.is_none_or(|at| Timestamp::from(at) < self.cx.now) => {
                "the order does not exist, and the reservation has expired".to_owned()
            }
            None => return Ok(None),
        };
        let is_repaired = is_repair && self.release(key).await;
        Ok(Some(Finding { invariant: OWNED, subject: format!("order {}", key.id), detail, is_repaired }))
    }

    async fn release(&self, key: ReservationKey) -> bool {
        let request = ReleaseReservationRequest { key: Some(key) };
        self.targets.stock.release_reservation(&self.cx, request).await.is_ok()
    }

    async fn orders(&mut self) -> Result<(), Error> {
        let mut page_token = String::new();
        loop {
            self.turn_page().await;
            let request = ListOrdersRequest { page_size: PAGE, page_token, ..ListOrdersRequest::default() };
            let page = self.targets.orders.list_orders(&self.cx, request).await?;
            self.audit.checked(TAKEN, page.orders.len());
            self.audit.checked(BOOKED, page.orders.len());
            self.audit.checked(ENDED, page.orders.len());
            let this = &*self;
            let found: Vec<Vec<Finding>> =
                stream::iter(page.orders).map(|order| this.order(order)).buffered(CONCURRENCY).try_collect().await?;
            self.report(found.into_iter().flatten());
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(());
            }
        }
    }

    async fn order(&self, summary: OrderSummary) -> Result<Vec<Finding>, Error> {
        let order = self.targets.orders.get_order(&self.cx, GetOrderRequest { order_id: summary.order_id }).await?;
        let found = [self.units(&order).await?, self.entries(&order).await?, self.vouchers(&order).await?];
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
            format!("the order is {}, but its reservation is {}", order.state().as_str_name(), state.as_str_name())
        } else if !is_of_its_sale(order, &reservation) {
            format!("the order is of sale {}, but its reservation is not", order.sale_id)
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
            detail: format!("{total} was paid, but the ledger has no entry"),
            is_repaired: false,
        }))
    }

    async fn vouchers(&self, order: &Order) -> Result<Option<Finding>, Error> {
        let total = order.price.as_ref().map_or(0, |price| price.total_minor);
        if order.kind() != OrderKind::VirtualVoucher || order.state() != OrderState::Completed || total == 0 {
            return Ok(None);
        }
        let request = CountBoughtCouponsRequest { order_id: order.order_id };
        let counts = self.targets.coupons.count_bought_coupons(&self.cx, request).await?;
        let (bought, found) = (i64::from(counts.bought_quantity), i64::from(counts.refunded_quantity));
        let expected = vouchers_for(total, order.refunded_minor, bought);
        // A refund that is being requested has revoked its vouchers already.
        Ok((found < expected).then(|| Finding {
            invariant: ENDED,
            subject: format!("voucher order {}", order.order_id),
            detail: format!("{} was refunded, but {found} of {expected} vouchers are", order.refunded_minor),
            is_repaired: false,
        }))
    }
}

/// Number of vouchers that pay back refunds of a voucher order: the smallest whose share of the payment covers them.
fn vouchers_for(paid_minor: i64, refunded_minor: i64, bought: i64) -> i64 {
    let is_covered = |quantity: &i64| {
        i128::from(paid_minor) * i128::from(*quantity) >= i128::from(refunded_minor) * i128::from(bought)
    };
    (0..=bought).find(is_covered).unwrap_or(bought)
}

/// Whether the states of an order and of its reservation fit together.
fn fits(order: OrderState, reservation: ReservationState) -> bool {
    match order {
        OrderState::Unspecified => false,
        // The units are reserved just before the order is placed.
        OrderState::Placing => {
            matches!(reservation, ReservationState::Unspecified | ReservationState::Active | ReservationState::Expired)
        }
        // An expired reservation is made again when the order is paid.
        OrderState::AwaitingPayment => matches!(reservation, ReservationState::Active | ReservationState::Expired),
        OrderState::Cancelled => {
            matches!(
                reservation,
                ReservationState::Released | ReservationState::Expired | ReservationState::Unspecified
            )
        }
        // An order that was paid late may have its units under another key; those of a cash order are being confirmed.
        OrderState::Confirmed => reservation != ReservationState::Unspecified,
        OrderState::Preparing | OrderState::Ready | OrderState::Delivering | OrderState::Completed => {
            reservation != ReservationState::Active && reservation != ReservationState::Unspecified
        }
    }
}

/// Whether the reservation of an order has the units of its sale, as many as the order. A missing reservation has no lines.
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

/// Whether a reservation has units of a sale.
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
    fn vouchers_cover_the_refunds() {
        for (refunded, expected) in [(0, 0), (1, 1), (33, 1), (34, 2), (66, 2), (67, 3), (100, 3)] {
            assert_eq!(vouchers_for(100, refunded, 3), expected, "{refunded}");
        }
        assert_eq!(vouchers_for(100, 100, 0), 0, "coupons that are not issued yet");
    }

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
