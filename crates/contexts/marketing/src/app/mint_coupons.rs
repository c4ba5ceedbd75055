//! Makes the coupons of a voucher order that was paid, once.

use pulse_contract::order::v1::OrderPaid;
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::issue_coupon::{Issuance, obtain};
use super::{App, templates as load, view};
use crate::domain::coupon::Origin;
use crate::domain::template::TemplateId;
use crate::store::coupons::{self, Source};
use crate::store::templates;

/// Adds the writes that make what the order bought and does not have yet.
///
/// # Errors
/// `MARKETING_TEMPLATE_NOT_FOUND` when it bought what nobody sells.
pub(crate) async fn mint_coupons(app: &App, cx: &Cx, order: &OrderPaid, commit: Commit) -> Result<Commit, Error> {
    let store = &app.deps.store;
    let id = OrderId::new(order.order_id);
    let before = coupons::from(store, Origin::Sale, id.get()).await?;
    let ids = order.lines.iter().map(|line| TemplateId::new(line.product_id)).collect();
    let sold = templates::by_ids(store, ids).await?;
    let mut rows = Vec::new();
    let mut part = 0;
    for line in &order.lines {
        let template = TemplateId::new(line.product_id);
        let row = sold.iter().find(|row| row.id == template).ok_or_else(|| load::not_found(template))?;
        // Whatever has happened to the template since: it was paid for.
        let giving = Issuance { rules: view::rules(row), row: row.clone() };
        for _ in 0..line.quantity {
            part += 1;
            if before.iter().any(|row| row.source.part == part) {
                continue;
            }
            let coupon = CouponId::new(store.next_id(cx.now));
            let source = Source { origin: Origin::Sale, id: id.get(), part };
            let account = AccountId::new(order.customer_account_id);
            rows.push(giving.coupon(coupon, (account, coupon.get()), source, cx.now));
        }
    }
    Ok(rows.iter().fold(coupons::insert(commit, &rows), obtain))
}
