//! Checks what must always hold, by reading the tables page by page.

use std::time::Duration;

use pulse_contract::order::v1::{Order, OrderState, PaymentState, PriceKind};
use pulse_kernel::finding::FINDINGS_MAX;
use pulse_kernel::{Cx, Error, Finding, Timestamp, Verified};
use pulse_store::{Commit, Statement, Store, StoreError, Timer, values};

use crate::app::{self, EXPIRE, view};
use crate::domain::machine;
use crate::domain::refund;
use crate::store::orders::{self, OrderRow};

/// How many orders are checked at once.
const PAGE: i64 = 500;
/// How long after its time an order may still have to be refused: a timer may be a little late.
const PLACING_GRACE: Duration = Duration::from_secs(60);

const PRICES: &str = "order.prices_sum";
const HISTORIES: &str = "order.states_follow_histories";
const PAYMENTS: &str = "order.payments_are_recorded";
const DEADLINES: &str = "order.unpaid_orders_have_a_deadline";
const PLACING: &str = "order.placing_ends_in_time";
const LISTS: &str = "order.lists_show_the_orders";

/// Checks the invariants of the context; with `repair`, sets deadlines that are missing and builds the lists anew. Prices,
/// histories and payments are facts: what is wrong with them is for people.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn verify(store: &Store, repair: bool) -> Result<Verified, Error> {
    let cx = Cx::system("order.verify", store.clock().now());
    let mut check = Check {
        store,
        cx: &cx,
        repair,
        verified: Verified::default(),
        order_count: 0,
        waiting_count: 0,
        placing_count: 0,
    };
    let mut after = 0;
    loop {
        let rows = orders::page(store, after, i64::MAX, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id.get();
        check.page(&rows).await?;
    }
    after = 0;
    loop {
        let rows = orders::archived_page(store, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id.get();
        check.page(&rows).await?;
    }
    let compared = app::rebuild(store, &cx, repair).await?;
    for (subject, difference) in compared.differences {
        check.found(LISTS, subject, difference, repair);
    }
    let Check { order_count, waiting_count, placing_count, mut verified, .. } = check;
    verified.checked = vec![
        (PRICES, order_count),
        (HISTORIES, order_count),
        (PAYMENTS, order_count),
        (DEADLINES, waiting_count),
        (PLACING, placing_count),
        (LISTS, compared.order_count),
    ];
    Ok(verified)
}

struct Check<'a> {
    store: &'a Store,
    cx: &'a Cx,
    repair: bool,
    verified: Verified,
    order_count: u64,
    waiting_count: u64,
    placing_count: u64,
}

impl Check<'_> {
    async fn page(&mut self, rows: &[OrderRow]) -> Result<(), Error> {
        for row in rows {
            let order = row.order();
            self.order_count += 1;
            for (invariant, wrong) in
                [(PRICES, price(&order)), (HISTORIES, history(row, &order)), (PAYMENTS, payment(row, &order))]
            {
                if let Err(detail) = wrong {
                    self.found(invariant, row.id.to_string(), detail, false);
                }
            }
        }
        self.deadlines(rows).await?;
        self.placing(rows).await
    }

    fn found(&mut self, invariant: &'static str, subject: String, detail: String, is_repaired: bool) {
        let findings = &mut self.verified.findings;
        if findings.iter().filter(|finding| finding.invariant == invariant).count() < FINDINGS_MAX {
            findings.push(Finding { invariant, subject, detail, is_repaired });
        }
    }

    /// No order is being placed for longer than it has time (TR-32). One that a stopped node left has its end when a node
    /// starts, or here.
    async fn placing(&mut self, rows: &[OrderRow]) -> Result<(), Error> {
        for row in rows.iter().filter(|row| row.state == OrderState::Placing) {
            self.placing_count += 1;
            let until = app::place_until(row);
            if self.cx.now <= until.plus(PLACING_GRACE) {
                continue;
            }
            if self.repair {
                match self.store.commit(self.cx, app::placed_too_late(self.cx, row.clone())?).await {
                    // It has had its end since it was read.
                    Ok(()) | Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let detail = format!("it should have been placed or refused {} s ago", self.cx.now.since(until).as_secs());
            self.found(PLACING, row.id.to_string(), detail, self.repair);
        }
        Ok(())
    }

    /// Every order that waits, for its units or its money, has a timer that ends the wait.
    async fn deadlines(&mut self, rows: &[OrderRow]) -> Result<(), Error> {
        let waiting: Vec<&OrderRow> = rows.iter().filter(|row| waits(row)).collect();
        self.waiting_count += u64::try_from(waiting.len()).unwrap_or(0);
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
            // It may have been paid between the two looks.
            let now = orders::by_id(self.store, row.id).await?;
            if now.is_none_or(|row| !waits(&row)) {
                continue;
            }
            if self.repair {
                self.set_timer(row).await?;
            }
            let detail = "it waits for its units or its payment for ever".to_owned();
            self.found(DEADLINES, row.id.to_string(), detail, self.repair);
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

/// Whether an order waits for something that has a deadline.
fn waits(row: &OrderRow) -> bool {
    matches!(row.state, OrderState::Placing | OrderState::AwaitingPayment)
}

type Wrong = Result<(), String>;

fn must(holds: bool, detail: impl FnOnce() -> String) -> Wrong {
    if holds { Ok(()) } else { Err(detail()) }
}

/// The parts sum to the total, the lines to their parts.
fn price(order: &Order) -> Wrong {
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
        must(line.subtotal_minor == subtotal, || format!("line {} should cost {subtotal}", line.line_number))?;
    }
    let items: i64 = order.lines.iter().map(|line| line.subtotal_minor).sum();
    must(sum(Some(PriceKind::Items)) == items, || format!("the lines sum to {items}, and the price says otherwise"))?;
    let discounts: i64 = order.lines.iter().map(|line| line.discount_minor).sum();
    must(sum(Some(PriceKind::Discount)) == -discounts, || {
        format!("the lines share {discounts}, and the price says otherwise")
    })
}

/// The history begins with the first state, goes only where the table leads, and ends where the order is.
fn history(row: &OrderRow, order: &Order) -> Wrong {
    let states: Option<Vec<_>> = order.history.iter().map(|step| view::state(step.state())).collect();
    let states = states.ok_or_else(|| "the history has a step without a state".to_owned())?;
    let is_beginning =
        |state: &machine::State| matches!(state, machine::State::Placing | machine::State::AwaitingPayment);
    must(states.first().is_some_and(is_beginning), || "the history has no beginning".to_owned())?;
    for pair in states.windows(2) {
        if let [from, to] = pair {
            must(machine::is_edge(*from, *to, view::way(order)), || format!("it went from {from:?} to {to:?}"))?;
        }
    }
    let last = states.last().copied();
    must(last == view::state(row.state) && row.state == order.state(), || {
        format!(
            "the history ends with {last:?}, the row says {}, the order {}",
            row.state.as_str_name(),
            order.state().as_str_name()
        )
    })
}

/// What counts as paid has its money written down, and no more of it went back than came.
fn payment(row: &OrderRow, order: &Order) -> Wrong {
    let total = order.price.as_ref().map_or(0, |price| price.total_minor);
    let paid = row.stored.payment.as_ref();
    let is_paid = row.payment_state != PaymentState::Unpaid;
    must(is_paid == paid.is_some(), || "it counts as paid without a payment, or has one and does not".to_owned())?;
    must(paid.is_none_or(|payment| payment.amount_minor == total), || {
        format!("{} were paid, the total is {total}", view::paid_minor(row))
    })?;
    let refunded = refund::refunded_minor(&view::refunds(row));
    must(refunded <= view::paid_minor(row), || {
        format!("{refunded} go back of {} that were paid", view::paid_minor(row))
    })?;
    let is_made = !matches!(row.state, OrderState::Placing | OrderState::AwaitingPayment | OrderState::Cancelled);
    must(!is_made || is_paid || view::is_cash(order), || "it is made without being paid".to_owned())
}
