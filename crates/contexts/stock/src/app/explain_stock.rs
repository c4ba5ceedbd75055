//! Explains why a quantity can or cannot be reserved, now or at an instant in the past.

use pulse_contract::Validate;
use pulse_contract::stock::v1::{ExplainStockRequest, ExplainStockResponse, StockAt};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Locale, Timestamp};

use super::{App, resource};
use crate::domain::journal::{HeldUnits, Holders};
use crate::domain::resource::{LineStatus, Moment, Resource, ResourceRef, decide_demand};
use crate::store::{movements, resources};
use crate::view;

/// Maximum number of reservations in the response.
const HOLDERS_MAX: usize = 20;
/// Maximum number of movements that are read at once.
const PAGE: i64 = 500;
/// Maximum number of pages of the journal that are read backwards. Reservations that are older are not listed.
const PAGES_MAX: usize = 20;

pub(crate) async fn explain_stock(
    app: &App,
    cx: &Cx,
    request: ExplainStockRequest,
) -> Result<ExplainStockResponse, Error> {
    request.validate()?;
    let (shop, resource) = (ShopId::new(request.shop_id), resource(request.resource.as_ref())?);
    let (then, at) = (request.at.map(Timestamp::from), request.at.map_or(cx.now, Into::into));
    let row = resources::by_ref(&app.deps.store, resource).await?;
    if row.as_ref().is_some_and(|row| row.shop != shop) {
        return Err(view::not_found());
    }
    let (row, stock, held_by) = match row {
        Some(row) => in_the_past(app, resource, row, then, at).await?,
        None => (None, view::stock_at(resource, at, None), Vec::new()),
    };
    let status = decide_demand(row.as_ref(), request.quantity, Moment::Payment);
    let reason = reason(cx.locale, status, request.quantity, &stock);
    let held_by = held_by.into_iter().map(view::held_units).collect();
    Ok(ExplainStockResponse { status: status.into(), reason, stock: Some(stock), held_by })
}

/// Returns the resource at an instant. The quantities come from the journal, the rules are the current ones. A halt is
/// known only for the present.
async fn in_the_past(
    app: &App,
    resource: ResourceRef,
    row: Resource,
    then: Option<Timestamp>,
    at: Timestamp,
) -> Result<(Option<Resource>, StockAt, Vec<HeldUnits>), Error> {
    let store = &app.deps.store;
    let cause = match then {
        Some(then) => movements::last_at(store, resource, row.version, then).await?,
        None => movements::until(store, resource, row.version, 1).await?.into_iter().next(),
    };
    let held_by = match &cause {
        Some(last) if last.movement.reserved > 0 => holders(app, resource, last.movement.version).await?,
        Some(_) | None => Vec::new(),
    };
    let row = match (then, &cause) {
        (None, _) => Some(row),
        // The resource had no stock record yet.
        (Some(_), None) => None,
        (Some(_), Some(last)) => {
            Some(Resource { on_hand: last.movement.on_hand, reserved: last.movement.reserved, is_halted: false, ..row })
        }
    };
    Ok((row, view::stock_at(resource, at, cause), held_by))
}

async fn holders(app: &App, resource: ResourceRef, version: i64) -> Result<Vec<HeldUnits>, Error> {
    let (mut holders, mut newest) = (Holders::default(), version);
    for _ in 0..PAGES_MAX {
        let rows = movements::until(&app.deps.store, resource, newest, PAGE).await?;
        let Some(oldest) = rows.last() else { break };
        newest = oldest.movement.version - 1;
        for row in &rows {
            if !holders.is_complete() {
                holders.step_back(&row.movement);
            }
        }
        if holders.is_complete() {
            break;
        }
    }
    Ok(holders.largest(HOLDERS_MAX))
}

fn reason(locale: Locale, status: LineStatus, quantity: i64, stock: &StockAt) -> String {
    let StockAt { on_hand, reserved, available, .. } = stock;
    match (locale, status) {
        (Locale::En, LineStatus::Ok) => format!("Available: {available}, requested: {quantity}. The stock suffices."),
        (Locale::Zh, LineStatus::Ok) => format!("可用 {available} 件，需要 {quantity} 件：库存充足。"),
        (Locale::En, LineStatus::Untracked) => "The stock of this resource is not tracked.".to_owned(),
        (Locale::Zh, LineStatus::Untracked) => "该资源不计库存，随时可售。".to_owned(),
        (Locale::En, LineStatus::DeferredToPayment) => "The units are deducted when the order is paid.".to_owned(),
        (Locale::Zh, LineStatus::DeferredToPayment) => "该资源在付款时扣减。".to_owned(),
        (Locale::En, LineStatus::Unavailable) => {
            "The item is marked as out. It is not sold until it is marked as back.".to_owned()
        }
        (Locale::Zh, LineStatus::Unavailable) => "该资源暂时售罄，恢复前停止销售。".to_owned(),
        (Locale::En, LineStatus::Insufficient) => {
            format!(
                "On hand: {on_hand}, reserved: {reserved}, available: {available}, requested: {quantity}. \
                 The stock is insufficient."
            )
        }
        (Locale::Zh, LineStatus::Insufficient) => {
            format!("在库 {on_hand} 件，其中 {reserved} 件已预留；剩余 {available} 件，需要 {quantity} 件。")
        }
    }
}
