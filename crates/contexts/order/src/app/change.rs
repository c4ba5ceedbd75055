//! One change of an order: the move, the history, the row, the event, in a commit.

use pulse_contract::order::v1::{
    CancelReason, OrderQueued, OrderRefundRequested, OrderState, RefundCause, StoredRefund, StoredRefundState, errors,
};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{EXPIRE, event_messages, view};
use crate::domain::machine::{Move, Refused, Role, State, Way, step};
use crate::domain::refund;
use crate::store::orders::{self, OrderRow};

/// An order that changes, and what is written with it.
pub(super) struct Change {
    pub(super) row: OrderRow,
    commit: Commit,
}

impl Change {
    /// Begins to change what was read.
    pub(super) fn of(row: OrderRow, cx: &Cx) -> Self {
        Self::within(Commit::new(), row, cx)
    }

    /// As [`Change::of`], together with what the commit writes already.
    pub(super) fn within(commit: Commit, row: OrderRow, cx: &Cx) -> Self {
        let version = row.version + 1;
        Self { row: OrderRow { version, updated_at: cx.now, ..row }, commit }
    }

    /// Makes a move as one of `roles`, and says as which.
    ///
    /// # Errors
    /// `ORDER_MOVE_INVALID`, naming the moves that are allowed.
    pub(super) fn make(&mut self, cx: &Cx, mv: Move, roles: &[Role], reason: &str) -> Result<(State, Role), Error> {
        let way = self.row.stored.order.as_ref().map_or(Way::Pickup, view::way);
        let from = view::state(self.row.state).unwrap_or(State::Cancelled);
        let (to, role) = step(from, mv, roles, way).map_err(|refused| invalid(&refused))?;
        self.row.state = view::wire_state(to);
        if let Some(order) = &mut self.row.stored.order {
            order.history.push(view::step(to, cx.now, role, reason));
        }
        // The timer of the time to be placed becomes that of the time to pay.
        if matches!(from, State::Placing | State::AwaitingPayment) && to != State::AwaitingPayment {
            self.with(|commit, row| commit.cancel_timer(EXPIRE, row.id.get()));
        }
        Ok((to, role))
    }

    /// Adds something to what is written.
    pub(super) fn with(&mut self, add: impl FnOnce(Commit, &OrderRow) -> Commit) {
        self.commit = add(std::mem::take(&mut self.commit), &self.row);
    }

    /// Emits that the order was placed.
    pub(super) fn tell_placed(&mut self) {
        self.with(|commit, row| commit.event(row.id.get(), &event_messages::placed(row)));
    }

    /// Tells that the order waits for its units.
    pub(super) fn tell_queued(&mut self) {
        let event = OrderQueued { order_id: self.row.id.get() };
        self.with(|commit, row| commit.event(row.id.get(), &event));
    }

    /// Tells that the order was never placed, and notes the code that says why.
    pub(super) fn tell_not_placed(&mut self, code: &'static str) {
        if let Some(order) = &mut self.row.stored.order {
            order.refusal_code = code.to_owned();
        }
        self.tell_cancelled(CancelReason::PlacementFailed);
    }

    /// Emits that the order is paid, or will be paid in cash.
    pub(super) fn tell_paid(&mut self) {
        self.with(|commit, row| commit.event(row.id.get(), &event_messages::paid(row)));
    }

    /// Emits that the order has a new state, or that the customer has received it.
    pub(super) fn tell_moved(&mut self) {
        self.with(|commit, row| {
            if row.state == OrderState::Completed {
                return commit.event(row.id.get(), &event_messages::completed(row));
            }
            commit.event(row.id.get(), &event_messages::moved(row))
        });
    }

    /// Emits that the order was cancelled.
    pub(super) fn tell_cancelled(&mut self, reason: CancelReason) {
        if let Some(order) = &mut self.row.stored.order {
            order.cancel_reason = reason.into();
        }
        self.with(|commit, row| commit.event(row.id.get(), &event_messages::cancelled(row, reason)));
    }

    /// Requests a refund of the accepted payment. A repeated ID is the same refund.
    pub(super) fn refund(&mut self, cause: RefundCause, refund_id: i64, amount_minor: i64, reason: &str) {
        let currency = self.row.order().price.unwrap_or_default().currency;
        self.row.stored.refunds.push(StoredRefund {
            refund_id,
            amount_minor,
            reason: reason.to_owned(),
            state: StoredRefundState::Requested.into(),
        });
        let event = OrderRefundRequested {
            order_id: self.row.id.get(),
            refund_id,
            amount_minor,
            currency,
            reason: reason.to_owned(),
            payment_id: 0,
            cause: cause.into(),
        };
        self.with(|commit, row| commit.event(row.id.get(), &event));
    }

    /// Says how far the payment has come, by what was paid and what is back.
    pub(super) fn settle_payment(&mut self) {
        if self.row.stored.payment.is_some() {
            let state = refund::payment_state(view::paid_minor(&self.row), &view::refunds(&self.row));
            self.row.payment_state = view::payment_state(state);
        }
    }

    /// The row as it will be, with the order inside in accord.
    fn complete_row(&mut self) {
        let refunded_minor = refund::refunded_minor(&view::refunds(&self.row));
        if let Some(order) = &mut self.row.stored.order {
            order.state = self.row.state.into();
            order.payment_state = self.row.payment_state.into();
            order.version = self.row.version;
            order.refunded_minor = refunded_minor;
        }
    }

    /// The row of a new order, and the commit that makes it.
    pub(super) fn end_new(self) -> (OrderRow, Commit) {
        let (row, commit) = self.end_unwritten();
        let commit = orders::insert(commit, &row);
        (row, commit)
    }

    /// The row of a new order, and the commit of everything but the row: those of a batch are written together.
    pub(super) fn end_unwritten(mut self) -> (OrderRow, Commit) {
        self.complete_row();
        (self.row, self.commit)
    }

    /// The row, and the commit that writes it.
    pub(super) fn end(mut self) -> (OrderRow, Commit) {
        self.complete_row();
        let commit = orders::update(self.commit, &self.row);
        (self.row, commit)
    }
}

fn invalid(refused: &Refused) -> Error {
    let allowed: Vec<&str> = refused.allowed.iter().map(|mv| mv.word()).collect();
    errors::ORDER_MOVE_INVALID
        .error("the order is not in a state for this")
        .with("state", view::wire_state(refused.state).as_str_name())
        .with("allowed", allowed.join(","))
}
