//! Moves units between the stock of a shop and a sale.
//!
//! What is to be moved is written before it is moved, with a number; the move is made under that number, so that it
//! happens once however often it is repeated; then it is written that it has been made.

use pulse_contract::Call;
use pulse_contract::sale::v1::errors;
use pulse_contract::stock::v1::errors as stock_errors;
use pulse_contract::stock::v1::stock_methods::TRANSFER_STOCK;
use pulse_contract::stock::v1::{DeductAt, GetStockRequest, PutResourceRequest, StockRules, TransferStockRequest};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::offer::{source, units};
use super::{App, next, put};
use crate::domain::stage::Stage;
use crate::store::sales::SaleRow;
use crate::store::{admissions, counts};

/// As whom stock is asked.
const WHO: &str = "sale.transfer_units";

/// Says in `row` that units are to be moved into the sale.
pub(super) fn plan(row: &mut SaleRow, units: i64) {
    row.stored.allotment_number += 1;
    row.stored.units_to_move = units;
}

/// Makes the move that is planned, if there is one; gives back the sale after it.
///
/// # Errors
/// `SALE_STOCK_SHORT` when the shop has fewer units: then nothing was moved, and the plan is taken back. A sale that never
/// had any units is a draft again.
pub(super) async fn execute_transfer(app: &App, cx: &Cx, row: SaleRow) -> Result<SaleRow, Error> {
    let moving = row.stored.units_to_move;
    if moving == 0 {
        return Ok(row);
    }
    let system = cx.as_system(WHO);
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
    let is_first = row.stage == Stage::Scheduled && counts::of(&app.deps.store, row.id).await?.units == 0;
    // The number stays used: a move that was begun under it must never be made with another quantity.
    let row = next(row, cx, |row| {
        row.stored.units_to_move = 0;
        if is_first {
            row.stage = Stage::Draft;
        }
    });
    if is_first {
        app.active_sales.remove(row.id);
    }
    Ok(put(app, cx, &row, Commit::new()).await?)
}

/// The refusals of stock that mean that the shop does not have the units.
fn short(error: Error) -> Error {
    let is_short = [stock_errors::STOCK_SHORT.code, stock_errors::STOCK_NOT_FOUND.code].contains(&error.code());
    if is_short {
        errors::SALE_STOCK_SHORT.error("the stock of the shop has fewer units than the sale needs").caused_by(error)
    } else {
        error
    }
}

/// Puts the units that nobody has back into the stock of the shop, once the count of the sale is closed. Says whether
/// none is left.
pub(super) async fn return_unsold(app: &App, cx: &Cx, row: &SaleRow) -> Result<bool, Error> {
    let system = cx.as_system(WHO);
    let (shop_id, resource) = (row.shop.get(), Some(units(row.id)));
    // Before the stock: what becomes an order in between is then kept once too often, and goes back the next time.
    let waiting = admissions::waiting_units(&app.deps.store, row.id).await?;
    let stock = match app.deps.stock.get_stock(&system, GetStockRequest { shop_id, resource }).await {
        Ok(stock) => stock,
        // It never had any.
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
