//! Moves units between the stock of a shop and a sale.
//!
//! A transfer has three steps: the plan is written with a number; the stock context executes it with this number as
//! idempotency key, so that repetitions have no further effect; the completion is written.

use pulse_contract::Call;
use pulse_contract::sale::v1::errors;
use pulse_contract::stock::v1::errors as stock_errors;
use pulse_contract::stock::v1::stock_methods::TRANSFER_STOCK;
use pulse_contract::stock::v1::{DeductAt, GetStockRequest, PutResourceRequest, StockRules, TransferStockRequest};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::offer::{source, units};
use super::{App, next, put};
use crate::domain::sale_status::SaleStatus;
use crate::store::sales::SaleRow;
use crate::store::{admissions, counts};

/// Actor of the calls to the stock context.
const ACTOR: &str = "sale.transfer_units";

/// Plans a transfer into the sale in `row`.
pub(super) fn plan(row: &mut SaleRow, units: i64) {
    row.stored.allotment_number += 1;
    row.stored.units_to_move = units;
}

/// Executes the planned transfer, if any. Returns the sale after it.
///
/// # Errors
/// `SALE_STOCK_SHORT` if the stock of the shop has fewer units. Then nothing was transferred and the plan is removed; a
/// sale that never received units becomes a draft again.
pub(super) async fn execute_transfer(app: &App, cx: &Cx, row: SaleRow) -> Result<SaleRow, Error> {
    let moving = row.stored.units_to_move;
    if moving == 0 {
        return Ok(row);
    }
    let system = cx.as_system(ACTOR);
    let rules = StockRules { deduct_at: DeductAt::Order.into(), is_oversell_allowed: false, warning_line: 0 };
    let resource = Some(units(row.id));
    let shop_id = row.shop.get();
    let made = PutResourceRequest { shop_id, resource, rules: Some(rules), on_hand: 0 };
    app.deps.stock.put_resource(&system, made).await?;
    let draft = row.draft();
    let request = TransferStockRequest {
        shop_id,
        from: Some(source(&draft)),
        to: resource,
        quantity: moving,
        note: format!("for the sale {}", row.id),
    };
    let key = format!("{}-{}", row.id, row.stored.allotment_number);
    let once = Call { spec: &TRANSFER_STOCK }.keyed(&system, key, &request);
    if let Err(error) = app.deps.stock.transfer_stock(&once, request).await.map_err(short) {
        if error.code() == errors::SALE_STOCK_SHORT.code {
            abort_transfer(app, cx, &row).await?;
        }
        return Err(error);
    }
    let row = next(&row, cx, |row| row.stored.units_to_move = 0);
    put(app, cx, &row, counts::add(Commit::new(), row.id, moving)).await?;
    Ok(row)
}

async fn abort_transfer(app: &App, cx: &Cx, row: &SaleRow) -> Result<(), Error> {
    let is_first = row.status == SaleStatus::Scheduled && counts::of(&app.deps.store, row.id).await?.units == 0;
    // The number stays used: a transfer that was begun with it must not be executed with another quantity.
    let row = next(row, cx, |row| {
        row.stored.units_to_move = 0;
        if is_first {
            row.status = SaleStatus::Draft;
        }
    });
    if is_first {
        app.active_sales.remove(row.id);
    }
    Ok(put(app, cx, &row, Commit::new()).await?)
}

/// Converts the errors of the stock context for missing units.
fn short(error: Error) -> Error {
    let is_short = [stock_errors::STOCK_SHORT.code, stock_errors::STOCK_NOT_FOUND.code].contains(&error.code());
    if is_short {
        errors::SALE_STOCK_SHORT.error("the stock of the shop has fewer units than the sale needs").caused_by(error)
    } else {
        error
    }
}

/// Returns unsold units to the stock of the shop, after the count of the sale is closed. Returns whether no unpaid unit
/// remains.
pub(super) async fn return_unsold(app: &App, cx: &Cx, row: &SaleRow) -> Result<bool, Error> {
    let system = cx.as_system(ACTOR);
    let (shop_id, resource) = (row.shop.get(), Some(units(row.id)));
    // Read before the stock: units that become an order in between are subtracted twice, and return in the next round.
    let waiting = admissions::waiting_units(&app.deps.store, row.id).await?;
    let stock = match app.deps.stock.get_stock(&system, GetStockRequest { shop_id, resource }).await {
        Ok(stock) => stock,
        // The sale never received units.
        Err(error) if error.code() == stock_errors::STOCK_NOT_FOUND.code => return Ok(true),
        Err(error) => return Err(error),
    };
    let quantity = stock.available.saturating_sub(waiting);
    if quantity > 0 {
        let request = TransferStockRequest {
            shop_id,
            from: resource,
            to: Some(source(&row.draft())),
            quantity,
            note: format!("back from the sale {}", row.id),
        };
        app.deps.stock.transfer_stock(&system, request).await?;
    }
    Ok(stock.reserved == 0 && waiting == 0)
}
