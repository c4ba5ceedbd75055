//! Creates the coupons of a paid voucher order, once.

use pulse_contract::order::v1::OrderPaid;
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::issue_coupon::{Issuance, emit_obtained};
use super::{App, templates as load, view};
use crate::domain::coupon::Origin;
use crate::domain::template::TemplateId;
use crate::store::coupons::{self, Source};
use crate::store::order_refunds;
use crate::store::templates;

/// Adds the writes of the bought coupons that do not exist yet. Returns the commit and the number of new coupons.
///
/// # Errors
/// `MARKETING_TEMPLATE_NOT_FOUND` when a bought template does not exist.
pub(crate) async fn mint_coupons(
    app: &App,
    cx: &Cx,
    order: &OrderPaid,
    commit: Commit,
) -> Result<(Commit, usize), Error> {
    let store = &app.deps.store;
    let id = OrderId::new(order.order_id);
    let before = coupons::from(store, Origin::Purchase, id.get()).await?;
    let ids = order.lines.iter().map(|line| TemplateId::new(line.product_id)).collect();
    let sold = templates::by_ids(store, ids).await?;
    let refund = order_refunds::of_order(store, id).await?;
    let mut rows = Vec::new();
    let mut part = 0;
    for line in &order.lines {
        let template = TemplateId::new(line.product_id);
        let row = sold.iter().find(|row| row.id == template).ok_or_else(|| load::not_found(template))?;
        // The order was paid, so the current state of the template is not checked.
        let issuance = Issuance { rules: view::rules(row), row: row.clone() };
        for _ in 0..line.quantity {
            part += 1;
            if before.iter().any(|row| row.source.part == part) {
                continue;
            }
            let coupon = CouponId::new(store.next_id(cx.now));
            let source = Source { origin: Origin::Purchase, id: id.get(), part };
            let account = AccountId::new(order.customer_account_id);
            rows.push(issuance.coupon(coupon, (account, coupon.get()), source, cx.now));
        }
    }
    if rows.is_empty() {
        return Ok((commit, 0));
    }
    // The refund of the order can be processed first, when this event was a dead letter. Its row orders the two commits.
    let refunded_before = before.iter().filter(|row| row.is_order_refunded).count();
    let refunded = usize::try_from(refund.quantity()).unwrap_or(0).saturating_sub(refunded_before);
    for row in rows.iter_mut().take(refunded) {
        let coupon = row.order_coupon().refunded();
        (row.state, row.is_order_refunded) = (coupon.state, coupon.is_order_refunded);
    }
    let commit = order_refunds::put(commit, &refund);
    Ok((rows.iter().fold(coupons::insert(commit, &rows), emit_obtained), rows.len()))
}
