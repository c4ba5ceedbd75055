//! Totals of a shop on one business day, computed from the ledger.

use std::collections::BTreeMap;

use pulse_contract::payment::v1::{GetStatementRequest, Statement, StatementLine, errors};
use pulse_contract::shop::v1::GetOffersRequest;
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};

use super::App;
use crate::domain::business_day;
use crate::domain::ledger::{DaySums, EntryKind};
use crate::store::statements;

pub(crate) async fn get_statement(app: &App, cx: &Cx, request: GetStatementRequest) -> Result<Statement, Error> {
    let shop = ShopId::new(request.shop_id);
    // As the system, because the shop may be closed and invisible to customers.
    let system = cx.as_system("payment.statement");
    let offers = GetOffersRequest { shop_id: request.shop_id, product_ids: Vec::new() };
    let time_zone = app.deps.catalog.get_offers(&system, offers).await?.time_zone;
    let day = business_day::of_date(&request.business_date, &time_zone).ok_or_else(|| {
        let detail = format!("business_date must be a calendar day, got {}", request.business_date);
        errors::PAYMENT_DATE_INVALID.error(detail)
    })?;
    let mut by_currency: BTreeMap<String, DaySums> = BTreeMap::new();
    for row in statements::sums(app.store(), shop, day).await? {
        let sums = by_currency.entry(row.currency).or_default();
        if let Some(kind) = EntryKind::from_word(&row.kind) {
            sums.add(kind, row.count, row.minor);
        }
    }
    let is_balanced = statements::unbalanced_count(app.store(), shop, day).await? == 0;
    let lines = by_currency.into_iter().map(|(currency, sums)| line(currency, sums)).collect();
    Ok(Statement { shop_id: request.shop_id, business_date: request.business_date, lines, is_balanced })
}

fn line(currency: String, sums: DaySums) -> StatementLine {
    StatementLine {
        currency,
        payment_count: sums.payment_count,
        paid_minor: sums.paid_minor,
        refund_count: sums.refund_count,
        refunded_minor: sums.refunded_minor,
        net_minor: sums.paid_minor - sums.refunded_minor - sums.disputed_minor,
        disputed_minor: sums.disputed_minor,
    }
}
