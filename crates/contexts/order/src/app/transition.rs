//! One change of an order: the move, the history, the row and the events, in one commit.

use pulse_contract::order::v1::{
    CancelReason, OrderQueued, OrderRefundRequested, OrderState, RefundCause, StoredRefund, StoredRefundState, errors,
};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{EXPIRE, event_messages, view};
use crate::domain::ids::RefundId;
use crate::domain::machine::{FulfilmentPath, Move, MoveNotAllowed, Role, State, step};
use crate::domain::refund;
use crate::metrics;
use crate::store::orders::{self, OrderRow};

/// An order that changes, and the commit of the change.
pub(super) struct Transition {
    pub(super) row: OrderRow,
    commit: Commit,
}

/// A refund of the accepted payment of an order.
pub(super) struct RequestedRefund<'a> {
    /// A repeated ID is the same refund.
    pub(super) id: RefundId,
    pub(super) cause: RefundCause,
    pub(super) amount_minor: i64,
    /// Reason in words, for the customer and the shop.
    pub(super) reason: &'a str,
}

impl Transition {
    /// Starts a change of the row that was read.
    pub(super) fn of(row: OrderRow, cx: &Cx) -> Self {
        Self::within(Commit::new(), row, cx)
    }

    /// As [`Transition::of`], as a part of a larger commit.
    pub(super) fn within(commit: Commit, row: OrderRow, cx: &Cx) -> Self {
        let version = row.version + 1;
        Self { row: OrderRow { version, updated_at: cx.now, ..row }, commit }
    }

    /// Makes a move in one of `roles`. Returns the new state and the role.
    ///
    /// # Errors
    /// `ORDER_MOVE_INVALID` with the moves that are allowed.
    pub(super) fn apply(&mut self, cx: &Cx, mv: Move, roles: &[Role], reason: &str) -> Result<(State, Role), Error> {
        let path = self.row.stored.order.as_ref().map_or(FulfilmentPath::Pickup, view::fulfilment_path);
        let from = view::state(self.row.state).unwrap_or(State::Cancelled);
        let (to, role) = step(from, mv, roles, path).map_err(|refusal| not_allowed(mv, &refusal))?;
        self.row.state = view::wire_state(to);
        if let Some(order) = &mut self.row.stored.order {
            order.history.push(view::step(to, cx.now, role, reason));
        }
        // An order that becomes placed keeps its timer, which is moved to the payment deadline.
        if matches!(from, State::Placing | State::AwaitingPayment) && to != State::AwaitingPayment {
            self.with(|commit, row| commit.cancel_timer(EXPIRE, row.id.get()));
        }
        Ok((to, role))
    }

    /// Adds something to the commit.
    pub(super) fn with(&mut self, add: impl FnOnce(Commit, &OrderRow) -> Commit) {
        self.commit = add(std::mem::take(&mut self.commit), &self.row);
    }

    /// Emits that the order was placed.
    pub(super) fn emit_placed(&mut self) {
        self.with(|commit, row| commit.event(row.id.get(), &event_messages::placed(row)).count(metrics::placed()));
    }

    /// Emits that the order is queued for its placement.
    pub(super) fn emit_queued(&mut self) {
        let event = OrderQueued { order_id: self.row.id.get() };
        self.with(|commit, row| commit.event(row.id.get(), &event));
    }

    /// Emits that the queued order could not be placed, and stores the error code of the reason.
    pub(super) fn emit_placement_failed(&mut self, code: &'static str) {
        if let Some(order) = &mut self.row.stored.order {
            order.refusal_code = code.to_owned();
        }
        self.emit_cancelled(CancelReason::PlacementFailed);
    }

    /// Emits that the order is paid, or will be paid in cash.
    pub(super) fn emit_paid(&mut self) {
        self.with(|commit, row| commit.event(row.id.get(), &event_messages::paid(row)));
    }

    /// Emits that the order has a new state, or that the customer has received it.
    pub(super) fn emit_moved(&mut self) {
        self.with(|commit, row| {
            if row.state == OrderState::Completed {
                return commit.event(row.id.get(), &event_messages::completed(row)).count(metrics::completed());
            }
            commit.event(row.id.get(), &event_messages::moved(row))
        });
    }

    /// Emits that the order was cancelled.
    pub(super) fn emit_cancelled(&mut self, reason: CancelReason) {
        if let Some(order) = &mut self.row.stored.order {
            order.cancel_reason = reason.into();
        }
        self.with(|commit, row| {
            commit.event(row.id.get(), &event_messages::cancelled(row, reason)).count(metrics::cancelled(reason))
        });
    }

    /// Emits that the refunded amount has changed. The cancellation of an order covers its refund.
    pub(super) fn emit_refunded(&mut self) {
        if self.row.state != OrderState::Cancelled {
            self.with(|commit, row| commit.event(row.id.get(), &event_messages::refunded(row)));
        }
    }

    /// Requests a refund of the accepted payment.
    pub(super) fn request_refund(&mut self, refund: &RequestedRefund<'_>) {
        self.row.stored.refunds.push(StoredRefund {
            refund_id: refund.id.get(),
            amount_minor: refund.amount_minor,
            reason: refund.reason.to_owned(),
            state: StoredRefundState::Requested.into(),
        });
        let price = self.row.stored.order.as_ref().and_then(|order| order.price.as_ref());
        let event = OrderRefundRequested {
            order_id: self.row.id.get(),
            refund_id: refund.id.get(),
            amount_minor: refund.amount_minor,
            currency: price.map(|price| price.currency.clone()).unwrap_or_default(),
            reason: refund.reason.to_owned(),
            payment_id: 0,
            cause: refund.cause.into(),
        };
        self.with(|commit, row| commit.event(row.id.get(), &event));
    }

    /// Sets the payment state from the accepted payment and its refunds.
    pub(super) fn update_payment_state(&mut self) {
        if self.row.stored.payment.is_some() {
            let state = refund::payment_state(view::paid_minor(&self.row), &view::refunds(&self.row));
            self.row.payment_state = view::payment_state(state);
        }
    }

    /// Copies state and version into the stored order.
    fn synchronize(&mut self) {
        let refunded_minor = refund::refunded_minor(&view::refunds(&self.row));
        if let Some(order) = &mut self.row.stored.order {
            order.state = self.row.state.into();
            order.payment_state = self.row.payment_state.into();
            order.version = self.row.version;
            order.refunded_minor = refunded_minor;
        }
    }

    /// Ends the change of a new order: its row, and the commit that inserts it.
    pub(super) fn finish_new(self) -> (OrderRow, Commit) {
        let (row, commit) = self.finish_without_row();
        let commit = orders::insert(commit, &row);
        (row, commit)
    }

    /// Ends the change of a new order of a batch: its row, and the commit without it. The caller inserts all rows at once.
    pub(super) fn finish_without_row(mut self) -> (OrderRow, Commit) {
        self.synchronize();
        (self.row, self.commit)
    }

    /// Ends the change of an existing order: its row, and the commit that updates it.
    pub(super) fn finish(mut self) -> (OrderRow, Commit) {
        self.synchronize();
        let commit = orders::update(self.commit, &self.row);
        (self.row, commit)
    }
}

fn not_allowed(mv: Move, refusal: &MoveNotAllowed) -> Error {
    let allowed: Vec<&str> = refusal.allowed.iter().map(|mv| mv.word()).collect();
    let state = view::wire_state(refusal.state).as_str_name();
    errors::ORDER_MOVE_INVALID
        .error(format!("the move {} is not allowed in the current state {state}", mv.word()))
        .with("state", state)
        .with("allowed", allowed.join(","))
}
