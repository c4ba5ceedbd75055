//! What a changed payment comes to: rows, entries of the books, events, and what is left to do with providers.

use bytes::Bytes;
use pulse_contract::payment::v1::{PaymentFailed, PaymentRefundFailed, PaymentRefunded, PaymentSucceeded};
use pulse_kernel::{Cx, Money};
use pulse_store::{Commit, Timer};

use super::{App, CANCEL, PAY_BACK};
use crate::domain::ledger::Entry;
use crate::domain::merge::RefundState;
use crate::domain::payment::{Effect, Fact, Misfit, Payment, RefundId};
use crate::store::books::{self, Booking};
use crate::store::payments;

/// Merges facts and says in a few words what did not fit: that is for a person to look at.
pub(super) fn hear(app: &App, cx: &Cx, payment: &mut Payment, provider: &str, facts: &[Fact]) -> String {
    let mut outcome = String::new();
    for fact in facts {
        let fact = with_fresh_id(app, cx, fact);
        match payment.tell(provider, &fact) {
            Ok(()) => {}
            Err(misfit) => {
                outcome = story(&misfit);
                tracing::error!(
                    payment.id = payment.intent.id.get(),
                    order.id = payment.intent.order.get(),
                    provider,
                    misfit = outcome,
                    "a provider says what does not fit our books"
                );
            }
        }
    }
    outcome
}

fn with_fresh_id(app: &App, cx: &Cx, fact: &Fact) -> Fact {
    let mut fact = fact.clone();
    if let Fact::Refund(fact) = &mut fact {
        fact.fresh_id = RefundId::new(app.store().next_id(cx.now));
    }
    fact
}

fn story(misfit: &Misfit) -> String {
    match misfit {
        Misfit::Unknown => "no such attempt".to_owned(),
        Misfit::Amount { ours, theirs } => format!("{theirs} instead of {ours}"),
        Misfit::TooManyRefunds => "too many refunds".to_owned(),
    }
}

/// Adds everything that follows from the change of a payment; nothing when nothing has changed. Gives the payment as it
/// will be.
pub(super) fn conclude(
    app: &App,
    cx: &Cx,
    commit: Commit,
    (before, mut after): (&Payment, Payment),
) -> (Commit, Payment) {
    let effects = after.settle(before);
    if *before == after {
        return (commit, after);
    }
    let mut commit = payments::update(commit, before, &after);
    commit = book(app, cx, commit, &after, &effects);
    commit = tell(commit, &after, &effects);
    call_for_help(&after, &effects);
    commit = go_on(cx, commit, before, &after);
    after.intent.version += 1;
    (commit, after)
}

/// Adds the rows of a payment that is new, and everything that follows from it.
pub(super) fn conclude_new(app: &App, cx: &Cx, commit: Commit, mut payment: Payment) -> Commit {
    let effects = payment.settle(&Payment::opened(payment.intent.clone()));
    let commit = payments::insert(commit, &payment);
    tell(book(app, cx, commit, &payment, &effects), &payment, &effects)
}

fn book(app: &App, cx: &Cx, commit: Commit, payment: &Payment, effects: &[Effect]) -> Commit {
    let shop = payment.intent.shop;
    let entries = effects.iter().filter_map(|effect| match effect {
        Effect::Captured { attempt, provider, amount, .. } => {
            Some((Entry::capture(provider, shop, *amount), attempt.get()))
        }
        Effect::Refunded { refund, provider, amount } => Some((Entry::refund(provider, shop, *amount), refund.get())),
        Effect::RefundUndone { refund, provider, amount } => {
            Some((Entry::refund_undone(provider, shop, *amount), refund.get()))
        }
        Effect::Declined { .. } | Effect::RefundFailed { .. } => None,
    });
    let bookings: Vec<Booking> = entries
        .filter_map(|(entry, subject)| Some(Booking { id: app.store().next_id(cx.now), entry: entry?, subject }))
        .collect();
    books::book(commit, &payment.intent, &bookings, cx.now)
}

fn tell(commit: Commit, payment: &Payment, effects: &[Effect]) -> Commit {
    let (payment_id, order_id) = (payment.intent.id.get(), payment.intent.order.get());
    effects.iter().fold(commit, |commit, effect| match effect {
        Effect::Captured { attempt, amount, is_surplus, .. } => {
            let (attempt_id, amount, is_surplus) = (attempt.get(), Some(wire(*amount)), *is_surplus);
            commit.event(order_id, &PaymentSucceeded { payment_id, attempt_id, order_id, amount, is_surplus })
        }
        Effect::Declined { attempt, failure } => {
            let (attempt_id, failure) = (attempt.get(), failure.clone());
            commit.event(order_id, &PaymentFailed { payment_id, attempt_id, order_id, failure })
        }
        Effect::Refunded { refund, amount, .. } => {
            let (refund_id, amount) = (refund.get(), Some(wire(*amount)));
            commit.event(order_id, &PaymentRefunded { payment_id, order_id, refund_id, amount })
        }
        Effect::RefundFailed { refund, failure, is_undone } => {
            let (refund_id, failure, is_undone) = (refund.get(), failure.clone(), *is_undone);
            commit.event(order_id, &PaymentRefundFailed { payment_id, order_id, refund_id, failure, is_undone })
        }
        // That it came back is told by the failure that comes with it.
        Effect::RefundUndone { .. } => commit,
    })
}

/// A customer waits for money that does not come: a person has to act.
fn call_for_help(payment: &Payment, effects: &[Effect]) {
    for effect in effects {
        if let Effect::RefundFailed { refund, failure, is_undone } = effect {
            let came_back = if *is_undone { "true" } else { "false" };
            metrics::counter!("pulse_payment_refunds_failed_total", "came_back" => came_back).increment(1);
            tracing::error!(
                payment.id = payment.intent.id.get(),
                order.id = payment.intent.order.get(),
                refund.id = refund.get(),
                failure,
                is_undone,
                "a refund did not reach its customer"
            );
        }
    }
}

/// Sets the timers for what is left to do with providers: refunds that were asked for, attempts that nobody needs.
fn go_on(cx: &Cx, mut commit: Commit, before: &Payment, after: &Payment) -> Commit {
    let timer = |kind, key| Timer { kind, key, due_at: cx.now, payload: Bytes::new() };
    for refund in &after.refunds {
        if refund.state == RefundState::Pending && refund.reference.is_none() && before.refund(refund.id).is_none() {
            commit = commit.timer(timer(PAY_BACK, refund.id.get()));
        }
    }
    if after.needless().next().is_some() {
        commit = commit.timer(timer(CANCEL, after.intent.id.get()));
    }
    commit
}

/// Money as the wire carries it.
pub(super) fn wire(money: Money) -> pulse_contract::Money {
    pulse_contract::Money { minor: money.minor, currency: money.currency.code().to_owned() }
}
