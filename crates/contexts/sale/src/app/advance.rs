//! Automatic steps of a sale: transfer of units, preload, end, return of unsold units.

use std::time::Duration;

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::{App, next, preload, put, timer, transfer_units};
use crate::active_sales::ActiveSale;
use crate::domain::sale_status::SaleStatus;
use crate::store::counts;
use crate::store::sales::{self, SaleRow};

/// Interval at which a closed sale checks whether all of its units are paid or returned. Returned units trigger the check
/// immediately.
const SETTLE_EVERY: Duration = Duration::from_secs(60);
/// Maximum number of sales that are read at once.
const PAGE: i64 = 100;

/// Handles the timer of a sale.
pub(crate) async fn advance(app: &App, due: &DueTimer) -> Result<(), Error> {
    let store = &app.deps.store;
    let cx = Cx::system("sale.advance", store.clock().now());
    let go = || async {
        match sales::by_id(store, due.key).await? {
            Some(row) => advance_row(app, &cx, row).await.map(drop),
            None => Ok(()),
        }
    };
    store.attempt(&cx, go).await?;
    // A step that set the timer again has replaced this one; then the commit finds it done.
    match store.commit(&cx, Commit::new().fired(due)).await {
        Ok(()) | Err(pulse_store::StoreError::AlreadyDone) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Executes the steps that are due, and sets the timer of the next one.
pub(super) async fn advance_row(app: &App, cx: &Cx, row: SaleRow) -> Result<SaleRow, Error> {
    let row = match row.status.is_running() {
        true => transfer_units::execute_transfer(app, cx, row).await?,
        false => row,
    };
    let window = row.window();
    match row.status {
        SaleStatus::Draft => Ok(row),
        SaleStatus::Scheduled | SaleStatus::Ready if cx.now >= window.ends_at => close(app, cx, row).await,
        SaleStatus::Scheduled => {
            let preload_at = window.starts_at.minus(app.deps.config.preload_before_start);
            if cx.now < preload_at {
                app.active_sales.upsert(ActiveSale::of(&row));
                app.deps.store.commit(cx, Commit::new().timer(timer(row.id, preload_at))).await?;
                return Ok(row);
            }
            preload(app, row.id).await?;
            let row = next(&row, cx, |row| row.status = SaleStatus::Ready);
            put(app, cx, &row, Commit::new().timer(timer(row.id, window.ends_at))).await?;
            Ok(row)
        }
        SaleStatus::Ready => {
            app.deps.store.commit(cx, Commit::new().timer(timer(row.id, window.ends_at))).await?;
            Ok(row)
        }
        SaleStatus::Closed => {
            // The timer is set before the check: units that return after the check move the timer again.
            app.deps.store.commit(cx, Commit::new().timer(timer(row.id, cx.now.plus(SETTLE_EVERY)))).await?;
            settle(app, cx, row).await
        }
        // Units of paid orders can return later.
        SaleStatus::Settled => settle(app, cx, row).await,
    }
}

/// Closes a sale: no further buyer is admitted, and unsold units return to the stock.
pub(super) async fn close(app: &App, cx: &Cx, row: SaleRow) -> Result<SaleRow, Error> {
    let row = next(&row, cx, |row| row.status = SaleStatus::Closed);
    let commit = counts::close(Commit::new(), row.id).timer(timer(row.id, cx.now.plus(SETTLE_EVERY)));
    put(app, cx, &row, commit).await?;
    app.active_sales.upsert(ActiveSale::of(&row));
    app.deps.sales.close(row.id).await?;
    app.rooms.close(row.id);
    settle(app, cx, row).await
}

/// Returns unsold units to the stock. If no unpaid admission remains, marks the sale as settled; otherwise the timer
/// retries.
async fn settle(app: &App, cx: &Cx, row: SaleRow) -> Result<SaleRow, Error> {
    let is_settled = transfer_units::return_unsold(app, cx, &row).await?;
    if !is_settled || row.status == SaleStatus::Settled {
        return Ok(row);
    }
    let row = next(&row, cx, |row| row.status = SaleStatus::Settled);
    put(app, cx, &row, Commit::new()).await?;
    app.active_sales.remove(row.id);
    Ok(row)
}

/// Loads the running sales at the start of the process. A sale admits buyers after the admission engine has loaded it.
pub(crate) async fn resume(app: &App) -> Result<(), Error> {
    for status in [SaleStatus::Scheduled, SaleStatus::Ready] {
        let mut after = 0;
        loop {
            let rows = sales::in_status(&app.deps.store, status, after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in &rows {
                // An external engine keeps the sale while processes restart; if it has lost it, the reconciler loads it.
                if status == SaleStatus::Ready && !app.deps.sales.is_external() {
                    preload(app, row.id).await?;
                }
                app.active_sales.upsert(ActiveSale::of(row));
            }
        }
    }
    Ok(())
}
