//! Applies facts of providers to a payment: rows, ledger entries, events, follow-up timers and metrics, in one commit.

use std::time::Duration;

use bytes::Bytes;
use pulse_contract::payment::v1::{
    PaymentAmountMismatched, PaymentDisputeChanged, PaymentFailed, PaymentRefundFailed, PaymentRefunded,
    PaymentSucceeded,
};
use pulse_kernel::{Cx, Money};
use pulse_store::{Commit, Timer};

use super::App;
use crate::domain::ledger::{Account, Entry, EntryId};
use crate::domain::merge::RefundState;
use crate::domain::payment::{DisputeId, Effect, Fact, Mismatch, Payment, RefundId};
use crate::metrics;
use crate::store::ledger::{self, Booking};
use crate::store::payments;
use crate::timers::{CANCEL_ATTEMPTS, EXECUTE_REFUND};

/// Merges facts into a payment. Returns a description of the last mismatch, which a person must check; empty for none.
pub(super) fn merge_facts(app: &App, cx: &Cx, payment: &mut Payment, provider: &str, facts: &[Fact]) -> String {
    let mut outcome = String::new();
    for fact in facts {
        let fact = with_fresh_id(app, cx, fact);
        if let Err(mismatch) = payment.merge_fact(provider, &fact) {
            outcome = describe(&mismatch);
            tracing::error!(
                payment.id = payment.intent.id.get(),
                order.id = payment.intent.order.get(),
                provider,
                mismatch = outcome,
                "report of the provider contradicts the payment; it was not applied"
            );
        }
    }
    outcome
}

fn with_fresh_id(app: &App, cx: &Cx, fact: &Fact) -> Fact {
    let mut fact = fact.clone();
    match &mut fact {
        Fact::Attempt(_) => {}
        Fact::Refund(fact) => fact.fresh_id = RefundId::new(app.store().next_id(cx.now)),
        Fact::Dispute(fact) => fact.fresh_id = DisputeId::new(app.store().next_id(cx.now)),
    }
    fact
}

fn describe(mismatch: &Mismatch) -> String {
    match mismatch {
        Mismatch::UnknownAttempt => "unknown attempt".to_owned(),
        Mismatch::Amount { ours, theirs } => format!("amount {theirs}, expected {ours}"),
        Mismatch::TooManyRefunds => "too many refunds".to_owned(),
        Mismatch::TooManyDisputes => "too many disputes".to_owned(),
    }
}

/// Adds everything that follows from the change of a payment; nothing if it has not changed. Returns the payment after
/// the commit.
pub(super) fn commit_change(
    app: &App,
    cx: &Cx,
    commit: Commit,
    before: &Payment,
    mut after: Payment,
) -> (Commit, Payment) {
    after.refund_misdirected(cx.now);
    let effects = after.take_effects(before);
    if *before == after {
        return (commit, after);
    }
    let mut commit = payments::update(commit, before, &after);
    commit = ledger_entries(app, cx, commit, &after, &effects);
    commit = emit_events(commit, &after, &effects);
    alert_operators(&after, &effects);
    commit = schedule_follow_ups(cx, commit, before, &after);
    after.intent.version += 1;
    (commit, after)
}

/// Adds the rows of a new payment and everything that follows from it.
pub(super) fn commit_new(app: &App, cx: &Cx, commit: Commit, mut payment: Payment) -> Commit {
    let effects = payment.take_effects(&Payment::opened(payment.intent.clone()));
    let commit = payments::insert(commit, &payment);
    emit_events(ledger_entries(app, cx, commit, &payment, &effects), &payment, &effects)
}

fn ledger_entries(app: &App, cx: &Cx, commit: Commit, payment: &Payment, effects: &[Effect]) -> Commit {
    let shop = payment.intent.shop;
    let entries = effects.iter().filter_map(|effect| match effect {
        Effect::Captured { attempt, provider, amount, .. } => {
            Some((Entry::capture(provider, shop, *amount), attempt.get()))
        }
        Effect::Misdirected { attempt, provider, amount } => {
            Some((Entry::suspense(provider, shop, *amount), attempt.get()))
        }
        Effect::Refunded { refund, provider, amount, is_misdirected, .. } => {
            let entry = if *is_misdirected { Entry::suspense_refund } else { Entry::refund };
            Some((entry(provider, shop, *amount), refund.get()))
        }
        Effect::RefundReturned { refund, provider, amount, is_misdirected } => {
            let entry = if *is_misdirected { Entry::suspense_returned } else { Entry::refund_returned };
            Some((entry(provider, shop, *amount), refund.get()))
        }
        Effect::DisputeBooked { dispute, provider, amount, is_reinstated, is_misdirected } => {
            let entry = if *is_reinstated { Entry::reinstated } else { Entry::withdrawn };
            let receiver = Account::of_receiver(shop, *is_misdirected);
            Some((entry(provider, shop, receiver, *amount), dispute.get()))
        }
        Effect::Declined { .. } | Effect::RefundFailed { .. } | Effect::DisputeChanged { .. } => None,
    });
    let booking = |(entry, subject): (Option<Entry>, i64)| {
        Some(Booking { id: EntryId::new(app.store().next_id(cx.now)), entry: entry?, subject })
    };
    let bookings: Vec<Booking> = entries.filter_map(booking).collect();
    ledger::book(commit, &payment.intent, &bookings, cx.now)
}

/// Adds one event per effect, and counts it after the commit.
fn emit_events(commit: Commit, payment: &Payment, effects: &[Effect]) -> Commit {
    let (payment_id, order_id) = (payment.intent.id.get(), payment.intent.order.get());
    effects.iter().fold(commit, |commit, effect| match effect {
        Effect::Captured { attempt, amount, is_surplus, .. } => {
            let (attempt_id, amount, is_surplus) = (attempt.get(), Some(wire(*amount)), *is_surplus);
            let event = PaymentSucceeded { payment_id, attempt_id, order_id, amount, is_surplus };
            commit.event(order_id, &event).count(metrics::captured())
        }
        Effect::Declined { attempt, failure } => {
            let (attempt_id, failure) = (attempt.get(), failure.clone());
            commit.event(order_id, &PaymentFailed { payment_id, attempt_id, order_id, failure })
        }
        Effect::Misdirected { attempt, amount, .. } => {
            let (attempt_id, captured, required) =
                (attempt.get(), Some(wire(*amount)), Some(wire(payment.intent.amount)));
            let event = PaymentAmountMismatched { payment_id, attempt_id, order_id, captured, required };
            commit.event(order_id, &event).count(metrics::amount_mismatched())
        }
        // The order never received this money.
        Effect::Refunded { cause, is_misdirected: true, .. } => commit.count(metrics::refund_succeeded(*cause)),
        Effect::RefundFailed { is_returned, is_misdirected: true, .. } => {
            commit.count(metrics::refund_failed(*is_returned))
        }
        Effect::Refunded { refund, amount, cause, .. } => {
            let (refund_id, amount) = (refund.get(), Some(wire(*amount)));
            let event = PaymentRefunded { payment_id, order_id, refund_id, amount };
            commit.event(order_id, &event).count(metrics::refund_succeeded(*cause))
        }
        Effect::RefundFailed { refund, failure, is_returned, .. } => {
            let (refund_id, failure, is_undone) = (refund.get(), failure.clone(), *is_returned);
            let event = PaymentRefundFailed { payment_id, order_id, refund_id, failure, is_undone };
            commit.event(order_id, &event).count(metrics::refund_failed(*is_returned))
        }
        // `RefundFailed` follows and is published.
        Effect::RefundReturned { .. } => commit,
        // `DisputeChanged` follows and is published.
        Effect::DisputeBooked { .. } => commit,
        Effect::DisputeChanged { dispute } => match dispute_changed(payment, *dispute) {
            Some(event) => commit.event(order_id, &event).count(metrics::dispute_changed()),
            None => commit,
        },
    })
}

fn dispute_changed(payment: &Payment, id: DisputeId) -> Option<PaymentDisputeChanged> {
    let dispute = payment.disputes.iter().find(|dispute| dispute.id == id)?;
    Some(PaymentDisputeChanged {
        payment_id: payment.intent.id.get(),
        order_id: payment.intent.order.get(),
        shop_id: payment.intent.shop.get(),
        dispute_id: id.get(),
        amount: Some(wire(dispute.amount)),
        status: dispute.state.status.into(),
        is_withdrawn: dispute.state.is_withdrawn,
        is_reinstated: dispute.state.is_reinstated,
        reason: dispute.reason.clone(),
    })
}

/// Logs refunds that did not reach the customer and money of another amount than requested. The line may be repeated if the
/// commit is repeated.
fn alert_operators(payment: &Payment, effects: &[Effect]) {
    let (payment_id, order_id) = (payment.intent.id.get(), payment.intent.order.get());
    for effect in effects {
        match effect {
            Effect::RefundFailed { refund, failure, is_returned, .. } => tracing::error!(
                payment.id = payment_id,
                order.id = order_id,
                refund.id = refund.get(),
                failure,
                is_returned,
                "refund failed; manual action required"
            ),
            Effect::Misdirected { attempt, amount, .. } => tracing::error!(
                payment.id = payment_id,
                order.id = order_id,
                attempt.id = attempt.get(),
                captured = %amount,
                required = %payment.intent.amount,
                "provider captured another amount than requested; it is in the account `suspense` and is refunded"
            ),
            Effect::DisputeChanged { dispute } => tracing::warn!(
                payment.id = payment_id,
                order.id = order_id,
                dispute.id = dispute.get(),
                "dispute of a payment was opened or changed; the shop may have to submit evidence"
            ),
            Effect::Captured { .. }
            | Effect::Declined { .. }
            | Effect::Refunded { .. }
            | Effect::RefundReturned { .. }
            | Effect::DisputeBooked { .. } => {}
        }
    }
}

/// Sets the timers that request new refunds and cancel obsolete attempts at the providers.
fn schedule_follow_ups(cx: &Cx, mut commit: Commit, before: &Payment, after: &Payment) -> Commit {
    let timer = |kind, key, pause| Timer { kind, key, due_at: cx.now.plus(pause), payload: Bytes::new() };
    for refund in &after.refunds {
        if refund.state == RefundState::Pending && refund.reference.is_none() && before.refund(refund.id).is_none() {
            commit = commit.timer(timer(EXECUTE_REFUND, refund.id.get(), Duration::ZERO));
        }
    }
    if let Some(pause) = after.cancel_pause(before) {
        commit = commit.timer(timer(CANCEL_ATTEMPTS, after.intent.id.get(), pause));
    }
    commit
}

/// Money as a message of the contract.
pub(super) fn wire(money: Money) -> pulse_contract::Money {
    pulse_contract::Money { minor: money.minor, currency: money.currency.code().to_owned() }
}
