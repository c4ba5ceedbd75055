//! Books the cash of a completed order: the shop has received the money.

use pulse_bus::Delivery;
use pulse_contract::order::v1::OrderCompleted;
use pulse_kernel::id::{AccountId, OrderId, ShopId};
use pulse_kernel::{Currency, Cx, Error, Money};
use pulse_store::Commit;

use super::App;
use super::apply_provider_facts::commit_new;
use crate::domain::ledger::CASH;
use crate::domain::merge::{AttemptState, IntentState};
use crate::domain::payment::{Attempt, AttemptId, Intent, Payment, PaymentId};
use crate::store::payments;

pub(crate) async fn record_cash(app: &App, cx: &Cx, delivery: &Delivery, event: OrderCompleted) -> Result<(), Error> {
    if !event.is_cash_on_delivery {
        return Ok(());
    }
    let known = payments::of_order(app.store(), OrderId::new(event.order_id)).await?;
    let (Some(payment), None) = (cash_payment(app, cx, &event), known) else { return Ok(()) };
    let commit = commit_new(app, cx, Commit::new(), payment);
    Ok(delivery.commit(app.store(), cx, commit).await?)
}

/// A cash payment that has succeeded; `None` if the order costs nothing.
fn cash_payment(app: &App, cx: &Cx, order: &OrderCompleted) -> Option<Payment> {
    let currency = Currency::from_code(&order.currency)?;
    let amount = Money::new(order.total_minor, currency);
    if amount.minor <= 0 {
        return None;
    }
    let attempt = AttemptId::new(app.store().next_id(cx.now));
    let mut payment = Payment::opened(Intent {
        id: PaymentId::new(app.store().next_id(cx.now)),
        order: OrderId::new(order.order_id),
        shop: ShopId::new(order.shop_id),
        customer: AccountId::new(order.customer_account_id),
        amount,
        state: IntentState::Succeeded,
        is_closed: false,
        paid_attempt: None,
        created_at: cx.now,
        version: 1,
    });
    payment.attempts.push(Attempt {
        id: attempt,
        provider: CASH.to_owned(),
        reference: Some(attempt.to_string()),
        state: AttemptState::Succeeded,
        pay_url: String::new(),
        return_url: String::new(),
        failure: None,
        received: None,
        cancel_tries: 0,
        is_booked: false,
        started_at: cx.now,
    });
    Some(payment)
}
