//! Takes in what became of refunds.

use pulse_bus::Delivery;
use pulse_contract::order::v1::StoredRefund;
use pulse_contract::payment::v1::{PaymentRefundFailed, PaymentRefunded};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};

use super::change::Change;
use super::{App, view};
use crate::domain::refund::{self, RefundState};
use crate::store::orders;

/// Money is back with the customer.
pub(crate) async fn refund_done(app: &App, cx: &Cx, delivery: &Delivery, event: PaymentRefunded) -> Result<(), Error> {
    let amount_minor = event.amount.map(|amount| amount.minor).unwrap_or_default();
    let news = News { order_id: event.order_id, refund_id: event.refund_id, amount_minor, state: RefundState::Done };
    note(app, cx, delivery, news).await
}

/// A provider did not pay back, or what it paid back has come back. The money is the order's again, and can be refunded
/// once more.
pub(crate) async fn refund_failed(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    event: PaymentRefundFailed,
) -> Result<(), Error> {
    let PaymentRefundFailed { order_id, refund_id, .. } = event;
    note(app, cx, delivery, News { order_id, refund_id, amount_minor: 0, state: RefundState::Failed }).await
}

/// What was heard of a refund.
struct News {
    order_id: i64,
    refund_id: i64,
    amount_minor: i64,
    state: RefundState,
}

async fn note(app: &App, cx: &Cx, delivery: &Delivery, news: News) -> Result<(), Error> {
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
        Some(refund) => {
            let known = view::refund_state(refund.state());
            let state = refund::merge(known, news.state);
            if state == known {
                return Ok(());
            }
            refund.state = view::stored_refund_state(state).into();
        }
        None if news.state == RefundState::Done => refunds.push(StoredRefund {
            refund_id: news.refund_id,
            amount_minor: news.amount_minor,
            reason: String::new(),
            state: view::stored_refund_state(news.state).into(),
        }),
        None => return Ok(()),
    }
    change.settle_payment();
    let (_, commit) = change.end();
    Ok(delivery.commit(store, cx, commit).await?)
}
