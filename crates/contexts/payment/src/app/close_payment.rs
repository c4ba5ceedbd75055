//! Closes the payment of a cancelled order. Money that was or still gets captured is reported to the order context, which
//! decides about the refund (R12).

use pulse_bus::Delivery;
use pulse_contract::order::v1::OrderCancelled;
use pulse_kernel::id::{AccountId, OrderId, ShopId};
use pulse_kernel::{Currency, Cx, Error, Money};
use pulse_store::Commit;

use super::App;
use super::apply_provider_facts::{commit_change, commit_new};
use crate::domain::merge::IntentState;
use crate::domain::payment::{Intent, Payment, PaymentId};
use crate::store::payments;

/// ISO 4217 code for no currency.
const NO_CURRENCY: &str = "XXX";

pub(crate) async fn close_payment(app: &App, cx: &Cx, delivery: &Delivery, event: OrderCancelled) -> Result<(), Error> {
    let known = payments::of_order(app.store(), OrderId::new(event.order_id)).await?;
    let commit = match known {
        Some(before) => {
            let mut after = before.clone();
            after.close();
            commit_change(app, cx, Commit::new(), &before, after).0
        }
        // A payment that starts at the same time conflicts with this one, and then finds the order cancelled.
        None => commit_new(app, cx, Commit::new(), closed(app, cx, event)),
    };
    Ok(delivery.commit(app.store(), cx, commit).await?)
}

/// A closed payment of amount 0.
fn closed(app: &App, cx: &Cx, event: OrderCancelled) -> Payment {
    Payment::opened(Intent {
        id: PaymentId::new(app.store().next_id(cx.now)),
        order: OrderId::new(event.order_id),
        shop: ShopId::new(event.shop_id),
        customer: AccountId::new(event.customer_account_id),
        amount: Money::new(0, Currency::from_code(NO_CURRENCY).unwrap_or(Currency::CNY)),
        state: IntentState::Cancelled,
        is_closed: true,
        paid_attempt: None,
        created_at: cx.now,
        version: 1,
    })
}
