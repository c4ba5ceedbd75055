//! Takes in what became of refunds.

use pulse_bus::Delivery;
use pulse_contract::order::v1::{StoredRefund, StoredRefundState};
use pulse_contract::payment::v1::{PaymentRefundFailed, PaymentRefunded};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};

use super::App;
use super::change::Change;
use crate::store::orders;

/// Money is back with the customer.
pub(crate) async fn refund_done(app: &App, cx: &Cx, delivery: &Delivery, event: PaymentRefunded) -> Result<(), Error> {
    let amount_minor = event.amount.map(|amount| amount.minor).unwrap_or_default();
    let news = News { order_id: event.order_id, refund_id: event.refund_id, amount_minor, reason: String::new() };
    note(app, cx, delivery, news, StoredRefundState::Done).await
}

/// A provider did not pay back.
pub(crate) async fn refund_failed(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    event: PaymentRefundFailed,
) -> Result<(), Error> {
    let news = News { order_id: event.order_id, refund_id: event.refund_id, amount_minor: 0, reason: event.failure };
    note(app, cx, delivery, news, StoredRefundState::Failed).await
}

/// What was heard of a refund.
struct News {
    order_id: i64,
    refund_id: i64,
    amount_minor: i64,
    reason: String,
}

async fn note(app: &App, cx: &Cx, delivery: &Delivery, news: News, state: StoredRefundState) -> Result<(), Error> {
    let store = &app.deps.store;
    let Some(row) = orders::by_id(store, OrderId::new(news.order_id)).await? else {
        return Ok(());
    };
    // Money that was never accepted is not the order's: its way back changes nothing here.
    if row.stored.returned.iter().any(|payment| payment.attempt_id == news.refund_id) {
        return Ok(());
    }
    let mut change = Change::of(row, cx);
    let refunds = &mut change.row.stored.refunds;
    match refunds.iter_mut().find(|refund| refund.refund_id == news.refund_id) {
        // What is back is back, whatever is heard later.
        Some(refund) if refund.state() != StoredRefundState::Done => refund.state = state.into(),
        Some(_) => return Ok(()),
        None if state == StoredRefundState::Done => refunds.push(StoredRefund {
            refund_id: news.refund_id,
            amount_minor: news.amount_minor,
            reason: news.reason,
            state: state.into(),
        }),
        None => return Ok(()),
    }
    change.settle_payment();
    let (_, commit) = change.end();
    Ok(delivery.commit(store, cx, commit).await?)
}
