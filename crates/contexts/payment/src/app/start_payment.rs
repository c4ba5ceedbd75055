//! Starts an attempt to pay an order: stores the attempt, requests it from the provider, stores the answer.
//!
//! The provider is called outside of commits, with the ID of the attempt. If the process ends in between, the next call
//! repeats the request with the same ID, and the provider recognizes it.

use pulse_contract::errors as common;
use pulse_contract::order::v1::{GetOrderRequest, Order, OrderState, PaymentMethod};
use pulse_contract::payment::v1::{Payment as View, StartPaymentRequest, errors};
use pulse_kernel::id::{AccountId, OrderId, ShopId};
use pulse_kernel::{Actor, Currency, Cx, Error, Money, Violation};
use pulse_store::Commit;

use super::apply_provider_facts::{commit_change, merge_facts};
use super::{App, view};
use crate::domain::merge::{AttemptState, IntentState};
use crate::domain::payment::{
    ATTEMPTS_MAX, Attempt, AttemptFact, AttemptId, Fact, Failure, Intent, Payment, PaymentId,
};
use crate::providers::{Charge, NewCharge, Provider, ProviderError};
use crate::store::payments;

pub(crate) async fn start_payment(app: &App, cx: &Cx, request: StartPaymentRequest) -> Result<View, Error> {
    let (name, provider) = app.providers.named(&request.provider)?;
    check_return_url(&request.return_url)?;
    let payable = payable(app, cx, OrderId::new(request.order_id)).await?;
    check_amount(provider.as_ref(), payable.amount)?;
    let destination = Destination { provider: name, return_url: &request.return_url };
    let opened = app.store().attempt(cx, || open(app, cx, &payable, &destination)).await?;
    let (intent, attempt) = &opened;
    let outcome = match &attempt.reference {
        Some(reference) => provider.retrieve(cx, reference).await,
        None => provider.create(cx, &new_charge(intent, attempt)).await,
    };
    match outcome {
        Ok(charge) => app.store().attempt(cx, || store_charge(app, cx, intent.id, attempt, &charge)).await,
        Err(ProviderError::Refused(reason)) => {
            if attempt.reference.is_none() {
                app.store().attempt(cx, || store_refusal(app, cx, intent.id, attempt, &reason)).await?;
            }
            Err(ProviderError::Refused(reason).into_error())
        }
        Err(error) => Err(error.into_error()),
    }
}

/// Provider of a new attempt, and the URL to which its page links back.
struct Destination<'a> {
    provider: &'static str,
    return_url: &'a str,
}

/// An amount that the provider cannot charge is refused before anything is stored or sent.
fn check_amount(provider: &dyn Provider, amount: Money) -> Result<(), Error> {
    provider.check_charge(amount).map_err(|problem| {
        errors::PAYMENT_AMOUNT_NOT_CHARGEABLE
            .error(problem.to_string())
            .with("amount_minor", amount.minor)
            .with("currency", amount.currency)
    })
}

/// Payment pages link back only to web pages.
fn check_return_url(url: &str) -> Result<(), Error> {
    if url.is_empty() || url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    let violation = Violation {
        field: "return_url".into(),
        code: "string.uri".into(),
        message: "must start with https:// or http://".into(),
    };
    Err(common::VALIDATION_FAILED.error("return_url must start with https:// or http://").with_violations([violation]))
}

/// The payment that an order requires, if the caller is its customer and it can be paid online now.
async fn payable(app: &App, cx: &Cx, id: OrderId) -> Result<Intent, Error> {
    // The idempotency key of the caller does not apply to calls to other contexts.
    let without_key = Cx { idempotency: None, ..cx.clone() };
    let order = app.deps.orders.get_order(&without_key, GetOrderRequest { order_id: id.get() }).await?;
    let is_system = matches!(cx.actor, Actor::System(_));
    if !is_system && cx.actor.account().map(AccountId::get) != Some(order.customer_account_id) {
        return Err(errors::PAYMENT_NOT_FOUND.error("an order can be paid only by its customer"));
    }
    let amount = amount_of(&order).filter(|amount| amount.minor > 0);
    let is_waiting = order.state() == OrderState::AwaitingPayment;
    let is_online = order.payment_method() != PaymentMethod::CashOnDelivery;
    match amount {
        Some(amount) if is_waiting && is_online => Ok(Intent {
            id: PaymentId::new(app.store().next_id(cx.now)),
            order: OrderId::new(order.order_id),
            shop: ShopId::new(order.shop_id),
            customer: AccountId::new(order.customer_account_id),
            amount,
            state: IntentState::Open,
            is_closed: false,
            paid_attempt: None,
            created_at: cx.now,
            version: 1,
        }),
        Some(_) if order.state() == OrderState::Placing && is_online => {
            Err(errors::PAYMENT_ORDER_NOT_PLACED.error("the order is still in state PLACING"))
        }
        Some(_) | None => Err(not_possible()),
    }
}

fn amount_of(order: &Order) -> Option<Money> {
    let price = order.price.as_ref()?;
    Some(Money::new(price.total_minor, Currency::from_code(&price.currency)?))
}

fn not_possible() -> Error {
    errors::PAYMENT_NOT_POSSIBLE.error("the order must be in state AWAITING_PAYMENT and be paid online")
}

/// Finds the unfinished attempt with the provider, or adds a new one.
async fn open(app: &App, cx: &Cx, payable: &Intent, destination: &Destination<'_>) -> Result<(Intent, Attempt), Error> {
    let store = app.store();
    let known = payments::of_order(store, payable.order).await?;
    if let Some(payment) = &known {
        match payment.intent.state {
            IntentState::Succeeded | IntentState::Cancelled => return Err(not_possible()),
            IntentState::Open | IntentState::Processing => {}
        }
        if let Some(attempt) = payment.unfinished(destination.provider) {
            return Ok((payment.intent.clone(), attempt.clone()));
        }
        if payment.attempts.len() >= ATTEMPTS_MAX {
            return Err(errors::PAYMENT_ATTEMPTS_LIMIT
                .error(format!("an order can have at most {ATTEMPTS_MAX} payment attempts"))
                .with("attempts", ATTEMPTS_MAX));
        }
    }
    let attempt = Attempt {
        id: AttemptId::new(store.next_id(cx.now)),
        provider: destination.provider.to_owned(),
        reference: None,
        state: AttemptState::Created,
        pay_url: String::new(),
        return_url: destination.return_url.to_owned(),
        failure: None,
        received: None,
        cancel_tries: 0,
        is_booked: false,
        started_at: cx.now,
    };
    let (commit, intent) = match known {
        Some(before) => {
            let mut after = before.clone();
            after.attempts.push(attempt.clone());
            let (commit, after) = commit_change(app, cx, Commit::new(), &before, after);
            (commit, after.intent)
        }
        None => {
            let mut payment = Payment::opened(payable.clone());
            payment.attempts.push(attempt.clone());
            (payments::insert(Commit::new(), &payment), payment.intent)
        }
    };
    store.commit(cx, commit).await?;
    Ok((intent, attempt))
}

fn new_charge(intent: &Intent, attempt: &Attempt) -> NewCharge {
    NewCharge {
        attempt: attempt.id,
        order: intent.order,
        amount: intent.amount,
        return_url: attempt.return_url.clone(),
    }
}

/// Stores the answer of the provider, and returns the payment.
async fn store_charge(app: &App, cx: &Cx, id: PaymentId, requested: &Attempt, charge: &Charge) -> Result<View, Error> {
    let before = load(app, id).await?;
    let mut after = before.clone();
    // The answer concerns this attempt, also if the provider does not return our ID.
    let fact = AttemptFact { attempt: Some(requested.id), ..charge.fact.clone() };
    merge_facts(app, cx, &mut after, &requested.provider, &[Fact::Attempt(fact)]);
    if let Some(attempt) = after.attempts.iter_mut().find(|attempt| attempt.id == requested.id) {
        attempt.pay_url.clone_from(&charge.pay_url);
    }
    let (commit, after) = commit_change(app, cx, Commit::new(), &before, after);
    let mut answer = view::payment(&after, &app.page_base);
    let own = answer.attempts.iter_mut().find(|attempt| attempt.attempt_id == requested.id.get());
    if let Some(own) = own {
        own.client_secret.clone_from(&charge.client_secret);
    }
    app.store().commit(cx, commit.answer(cx, &answer)).await?;
    Ok(answer)
}

/// Stores that the provider refused the attempt. The caller may start another one with a new idempotency key.
async fn store_refusal(app: &App, cx: &Cx, id: PaymentId, requested: &Attempt, reason: &str) -> Result<(), Error> {
    let before = load(app, id).await?;
    let mut after = before.clone();
    let failure = Failure { at: cx.now, text: reason.to_owned() };
    if let Some(attempt) = after.attempts.iter_mut().find(|attempt| attempt.id == requested.id) {
        attempt.decline(failure);
    }
    let (commit, _after) = commit_change(app, cx, Commit::new(), &before, after);
    Ok(app.store().commit(cx, commit).await?)
}

async fn load(app: &App, id: PaymentId) -> Result<Payment, Error> {
    let payment = payments::by_id(app.store(), id).await?;
    payment.ok_or_else(|| errors::PAYMENT_NOT_FOUND.error("the payment does not exist"))
}
