//! Begins to pay an order: writes the attempt down, asks the provider, writes down what it said.
//!
//! The provider is asked outside of any commit, by the id of the attempt. Who dies in between leaves an attempt that was
//! not asked for, or whose answer is not known: the next call asks again with the same id, and the provider knows it.

use pulse_contract::errors as common;
use pulse_contract::order::v1::{GetOrderRequest, Order, OrderState, PaymentMethod};
use pulse_contract::payment::v1::{Payment as View, StartPaymentRequest, errors};
use pulse_kernel::id::{AccountId, OrderId, ShopId};
use pulse_kernel::{Actor, Currency, Cx, Error, Money, Violation};
use pulse_store::Commit;

use super::conclude::{conclude, hear};
use super::{App, view};
use crate::domain::merge::{AttemptState, IntentState};
use crate::domain::payment::{
    ATTEMPTS_MAX, Attempt, AttemptFact, AttemptId, Fact, Failure, Intent, Payment, PaymentId,
};
use crate::providers::{Charge, NewCharge, ProviderError};
use crate::store::payments;

pub(crate) async fn start_payment(app: &App, cx: &Cx, request: StartPaymentRequest) -> Result<View, Error> {
    let (name, provider) = app.providers.named(&request.provider)?;
    check_return_url(&request.return_url)?;
    let order = payable(app, cx, request.order_id).await?;
    let opened = app.store().attempt(cx, || open(app, cx, &order, (name, &request.return_url))).await?;
    let (intent, attempt) = &opened;
    let asked = match &attempt.reference {
        Some(reference) => provider.retrieve(cx, reference).await,
        None => provider.create(cx, &new_charge(intent, attempt)).await,
    };
    match asked {
        Ok(charge) => app.store().attempt(cx, || write_down(app, cx, intent.id, attempt, &charge)).await,
        Err(ProviderError::Refused(words)) => {
            if attempt.reference.is_none() {
                app.store().attempt(cx, || give_up(app, cx, intent.id, attempt, &words)).await?;
            }
            Err(ProviderError::Refused(words).into_error())
        }
        Err(error) => Err(error.into_error()),
    }
}

/// Pages lead back to other pages, and to nothing else that an address can be.
fn check_return_url(url: &str) -> Result<(), Error> {
    if url.is_empty() || url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    let violation = Violation {
        field: "return_url".into(),
        code: "string.uri".into(),
        message: "begins with https:// or http://".into(),
    };
    Err(common::VALIDATION_FAILED.error("1 field is wrong").with_violations([violation]))
}

/// What is to be paid for an order, when its customer asks and it can be paid.
async fn payable(app: &App, cx: &Cx, order_id: i64) -> Result<Intent, Error> {
    // The caller's key is about this request, and not about what it asks of others.
    let asking = Cx { idempotency: None, ..cx.clone() };
    let order = app.deps.orders.get_order(&asking, GetOrderRequest { order_id }).await?;
    let is_system = matches!(cx.actor, Actor::System(_));
    if !is_system && cx.actor.account().map(AccountId::get) != Some(order.customer_account_id) {
        return Err(errors::PAYMENT_NOT_FOUND.error("only its customer pays an order"));
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
            Err(errors::PAYMENT_ORDER_NOT_PLACED.error("the order has no units yet; ask for it again"))
        }
        Some(_) | None => Err(not_possible()),
    }
}

fn amount_of(order: &Order) -> Option<Money> {
    let price = order.price.as_ref()?;
    Some(Money::new(price.total_minor, Currency::from_code(&price.currency)?))
}

fn not_possible() -> Error {
    errors::PAYMENT_NOT_POSSIBLE.error("the order does not wait for a payment online")
}

/// Finds the attempt that is under way, or makes one.
async fn open(
    app: &App,
    cx: &Cx,
    wanted: &Intent,
    (provider, return_url): (&str, &str),
) -> Result<(Intent, Attempt), Error> {
    let store = app.store();
    let known = payments::of_order(store, wanted.order).await?;
    if let Some(payment) = &known {
        match payment.intent.state {
            IntentState::Succeeded | IntentState::Cancelled => return Err(not_possible()),
            IntentState::Open | IntentState::Processing => {}
        }
        if let Some(attempt) = payment.unfinished(provider) {
            return Ok((payment.intent.clone(), attempt.clone()));
        }
        if payment.attempts.len() >= ATTEMPTS_MAX {
            return Err(errors::PAYMENT_ATTEMPTS_LIMIT
                .error("the order has as many attempts as it may have")
                .with("attempts", ATTEMPTS_MAX));
        }
    }
    let attempt = Attempt {
        id: AttemptId::new(store.next_id(cx.now)),
        provider: provider.to_owned(),
        reference: None,
        state: AttemptState::Created,
        pay_url: String::new(),
        return_url: return_url.to_owned(),
        failure: None,
        is_booked: false,
        started_at: cx.now,
    };
    let (commit, intent) = match known {
        Some(before) => {
            let mut after = before.clone();
            after.attempts.push(attempt.clone());
            let (commit, after) = conclude(app, cx, Commit::new(), (&before, after));
            (commit, after.intent)
        }
        None => {
            let mut payment = Payment::opened(wanted.clone());
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

/// Writes down what the provider said, and answers.
async fn write_down(app: &App, cx: &Cx, id: PaymentId, asked: &Attempt, charge: &Charge) -> Result<View, Error> {
    let before = load(app, id).await?;
    let mut after = before.clone();
    // What was asked for by this attempt is about this attempt, whether or not the provider repeats our name for it.
    let fact = AttemptFact { attempt: Some(asked.id), ..charge.fact.clone() };
    hear(app, cx, &mut after, &asked.provider, &[Fact::Attempt(fact)]);
    if let Some(attempt) = after.attempts.iter_mut().find(|attempt| attempt.id == asked.id) {
        attempt.pay_url.clone_from(&charge.pay_url);
    }
    let (commit, after) = conclude(app, cx, Commit::new(), (&before, after));
    let mut answer = view::payment(&after);
    let own = answer.attempts.iter_mut().find(|attempt| attempt.attempt_id == asked.id.get());
    if let Some(own) = own {
        own.client_secret.clone_from(&charge.client_secret);
    }
    app.store().commit(cx, commit.answer(cx, &answer)).await?;
    Ok(answer)
}

/// Writes down that the provider does not take the attempt. The caller may try another one under another key.
async fn give_up(app: &App, cx: &Cx, id: PaymentId, asked: &Attempt, words: &str) -> Result<(), Error> {
    let before = load(app, id).await?;
    let mut after = before.clone();
    let failure = Failure { at: cx.now, text: words.to_owned() };
    if let Some(attempt) = after.attempts.iter_mut().find(|attempt| attempt.id == asked.id) {
        attempt.decline(failure);
    }
    let (commit, _after) = conclude(app, cx, Commit::new(), (&before, after));
    Ok(app.store().commit(cx, commit).await?)
}

async fn load(app: &App, id: PaymentId) -> Result<Payment, Error> {
    let payment = payments::by_id(app.store(), id).await?;
    payment.ok_or_else(|| errors::PAYMENT_NOT_FOUND.error("the payment is gone"))
}
