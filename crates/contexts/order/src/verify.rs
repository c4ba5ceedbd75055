//! Audit of the invariants of orders.

use std::time::Duration;

use pulse_contract::order::v1::{Order, OrderState, PaymentState, PriceKind};
use pulse_kernel::{Cx, Error, Timestamp, Verified};
use pulse_store::{Commit, Statement, Store, StoreError, Timer, values};
use pulse_work::{Audit, Pages};

use crate::app::{self, EXPIRE, view};
use crate::domain::machine;
use crate::domain::refund;
use crate::store::orders::{self, OrderRow};

/// Maximum number of orders that are read at once.
const PAGE: i64 = 500;
/// Time after its deadline within which a queued order may still be refused by its timer.
const PLACING_GRACE: Duration = Duration::from_secs(60);

/// The parts and lines of a price sum to its total.
const PRICES: &str = "order.prices_sum";
/// The history of an order follows the state machine and ends with the state of the order.
const HISTORIES: &str = "order.states_follow_histories";
/// A paid order has a record of its payment, and refunds do not exceed it.
const PAYMENTS: &str = "order.payments_are_recorded";
/// An order that waits for its placement or its payment has a timer that ends the wait.
const DEADLINES: &str = "order.unpaid_orders_have_a_deadline";
/// No order is in state `PLACING` after its deadline (TR-32).
const PLACING: &str = "order.placing_ends_in_time";
/// The order lists show the orders as they are.
const LISTS: &str = "order.lists_show_the_orders";

/// Checks the invariants of the context. With `repair`, sets missing timers, refuses overdue queued orders and rebuilds
/// the lists. Prices, histories and payments are facts, so they are reported only.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn verify(store: &Store, repair: bool) -> Result<Verified, Error> {
    let cx = Cx::system("order.verify", store.clock().now());
    let audit = Audit::new(&[PRICES, HISTORIES, PAYMENTS, DEADLINES, PLACING, LISTS], repair);
    let mut check = Check { store, cx: &cx, audit };
    let mut pages = Pages::after(0);
    while let Some(rows) = pages.next(|after| orders::page(store, after, i64::MAX, PAGE), |row| row.id.get()).await? {
        check.page(&rows).await?;
    }
    let mut pages = Pages::after(0);
    while let Some(rows) = pages.next(|after| orders::archived_page(store, after, PAGE), |row| row.id.get()).await? {
        check.page(&rows).await?;
    }
    let compared = app::rebuild(store, &cx, repair).await?;
    let mut audit = check.audit;
    audit.checked(LISTS, compared.order_count);
    for (subject, difference) in compared.differences {
        audit.found(LISTS, subject, difference, repair);
    }
    Ok(audit.finish())
}

struct Check<'a> {
    store: &'a Store,
    cx: &'a Cx,
    audit: Audit,
}

impl Check<'_> {
    async fn page(&mut self, rows: &[OrderRow]) -> Result<(), Error> {
        for row in rows {
            let order = row.order();
            for (invariant, outcome) in
                [(PRICES, price(&order)), (HISTORIES, history(row, &order)), (PAYMENTS, payment(row, &order))]
            {
                self.audit.checked(invariant, 1_u64);
                if let Err(detail) = outcome {
                    self.audit.found(invariant, row.id.to_string(), detail, false);
                }
            }
        }
        self.deadlines(rows).await?;
        self.placing(rows).await
    }

    /// Overdue queued orders: left by a node that stopped, until a node starts or repairs.
    async fn placing(&mut self, rows: &[OrderRow]) -> Result<(), Error> {
        for row in rows.iter().filter(|row| row.state == OrderState::Placing) {
            self.audit.checked(PLACING, 1_u64);
            let until = app::place_until(row);
            if self.cx.now <= until.plus(PLACING_GRACE) {
                continue;
            }
            if self.audit.is_repairing() {
                match self.store.commit(self.cx, app::placed_too_late(self.cx, row.clone())?).await {
                    // The order was placed or refused since it was read.
                    Ok(()) | Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let overdue_s = self.cx.now.since(until).as_secs();
            let detail = format!("the deadline of its placement passed {overdue_s} s ago");
            self.audit.found(PLACING, row.id.to_string(), detail, self.audit.is_repairing());
        }
        Ok(())
    }

    /// Orders that wait without a timer.
    async fn deadlines(&mut self, rows: &[OrderRow]) -> Result<(), Error> {
        let waiting: Vec<&OrderRow> = rows.iter().filter(|row| is_waiting(row)).collect();
        self.audit.checked(DEADLINES, waiting.len());
        if waiting.is_empty() {
            return Ok(());
        }
        let query = Statement::listing(
            "SELECT timer_key FROM order_timers WHERE kind = ? AND timer_key IN (??)",
            waiting.iter().map(|row| row.id.get()),
            values![EXPIRE],
        );
        let timers: Vec<(i64,)> = self.store.all(query).await?;
        for row in waiting.into_iter().filter(|row| !timers.contains(&(row.id.get(),))) {
            // The order may have been paid between the two readings.
            let now = orders::by_id(self.store, row.id).await?;
            if now.is_none_or(|row| !is_waiting(&row)) {
                continue;
            }
            if self.audit.is_repairing() {
                self.set_timer(row).await?;
            }
            let detail = "no timer ends the wait for its placement or its payment".to_owned();
            self.audit.found(DEADLINES, row.id.to_string(), detail, self.audit.is_repairing());
        }
        Ok(())
    }

    async fn set_timer(&self, row: &OrderRow) -> Result<(), Error> {
        let expires_at = row.stored.order.as_ref().and_then(|order| order.expires_at);
        let due_at = match row.state == OrderState::Placing {
            true => app::place_until(row),
            false => expires_at.map_or(self.cx.now, Timestamp::from),
        };
        let timer = Timer { kind: EXPIRE, key: row.id.get(), due_at, payload: Default::default() };
        Ok(self.store.commit(self.cx, Commit::new().timer(timer)).await?)
    }
}

/// Whether an order waits for its placement or its payment.
fn is_waiting(row: &OrderRow) -> bool {
    matches!(row.state, OrderState::Placing | OrderState::AwaitingPayment)
}

/// The detail of the finding when an invariant does not hold.
type Outcome = Result<(), String>;

fn must(holds: bool, detail: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(detail()) }
}

/// Checks that the parts of the price sum to the total, and the lines to their parts.
fn price(order: &Order) -> Outcome {
    let price = order.price.clone().unwrap_or_default();
    let sum = |kind: Option<PriceKind>| -> i64 {
        let parts = price.parts.iter().filter(|part| kind.is_none_or(|kind| part.kind() == kind));
        parts.map(|part| part.amount_minor).sum()
    };
    must(sum(None) == price.total_minor && price.total_minor >= 0, || {
        format!("the parts sum to {}, the total is {}", sum(None), price.total_minor)
    })?;
    for line in &order.lines {
        let subtotal = line.unit_price_minor.saturating_mul(line.quantity.into());
        must(line.subtotal_minor == subtotal, || {
            format!("the subtotal of line {} is {}; it must be {subtotal}", line.line_number, line.subtotal_minor)
        })?;
    }
    let items: i64 = order.lines.iter().map(|line| line.subtotal_minor).sum();
    must(sum(Some(PriceKind::Items)) == items, || {
        format!("the lines sum to {items}, the items of the price to {}", sum(Some(PriceKind::Items)))
    })?;
    let discounts: i64 = order.lines.iter().map(|line| line.discount_minor).sum();
    must(sum(Some(PriceKind::Discount)) == -discounts, || {
        format!(
            "the discounts of the lines sum to {discounts}, those of the price to {}",
            -sum(Some(PriceKind::Discount))
        )
    })
}

/// Checks that the history starts with a first state, follows the state machine, and ends with the state of the order.
fn history(row: &OrderRow, order: &Order) -> Outcome {
    let states: Option<Vec<_>> = order.history.iter().map(|step| view::state(step.state())).collect();
    let states = states.ok_or_else(|| "the history has a step without a state".to_owned())?;
    let is_beginning =
        |state: &machine::State| matches!(state, machine::State::Placing | machine::State::AwaitingPayment);
    must(states.first().is_some_and(is_beginning), || "the history does not start with a first state".to_owned())?;
    for pair in states.windows(2) {
        if let [from, to] = pair {
            must(machine::is_edge(*from, *to, view::fulfilment_path(order)), || {
                format!("the history has the transition {from:?} to {to:?}, which does not exist")
            })?;
        }
    }
    let last = states.last().copied();
    must(last == view::state(row.state) && row.state == order.state(), || {
        format!(
            "the history ends with {last:?}, the row has state {}, the order {}",
            row.state.as_str_name(),
            order.state().as_str_name()
        )
    })
}

/// Checks that a paid order has a record of its payment, and that refunds do not exceed it.
fn payment(row: &OrderRow, order: &Order) -> Outcome {
    let total = order.price.as_ref().map_or(0, |price| price.total_minor);
    let paid = row.stored.payment.as_ref();
    let is_paid = row.payment_state != PaymentState::Unpaid;
    must(is_paid == paid.is_some(), || "the payment state and the recorded payment contradict each other".to_owned())?;
    must(paid.is_none_or(|payment| payment.amount_minor == total), || {
        format!("{} was paid, the total is {total}", view::paid_minor(row))
    })?;
    let refunded = refund::refunded_minor(&view::refunds(row));
    must(refunded <= view::paid_minor(row), || {
        format!("refunds are {refunded}, which exceeds the payment of {}", view::paid_minor(row))
    })?;
    let is_made = !matches!(row.state, OrderState::Placing | OrderState::AwaitingPayment | OrderState::Cancelled);
    must(!is_made || is_paid || view::is_cash(order), || "the order is confirmed without a payment".to_owned())
}
