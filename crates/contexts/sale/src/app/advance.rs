//! What a sale does by itself: it gets its units, is brought into memory, ends, and puts back what is left.

use std::time::Duration;

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};

use super::{App, next, preload, put, timer, transfer_units};
use crate::active_sales::ActiveSale;
use crate::domain::stage::Stage;
use crate::store::counts;
use crate::store::sales::{self, SaleRow};

/// How long until a sale that is over looks again whether all of its units are settled; what comes back before that
/// lets it look at once.
const SETTLE_EVERY: Duration = Duration::from_secs(60);
/// How many sales are read at a time.
const PAGE: i64 = 100;

/// The time has come for a sale.
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
    // Whatever comes next has moved the timer; if it has, this one is gone already.
    match store.commit(&cx, Commit::new().fired(due)).await {
        Ok(()) | Err(pulse_store::StoreError::AlreadyDone) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Does everything that a sale can do now, and sets the timer for what it does later.
pub(super) async fn advance_row(app: &App, cx: &Cx, row: SaleRow) -> Result<SaleRow, Error> {
    let row = match row.stage.is_running() {
        true => transfer_units::execute_transfer(app, cx, row).await?,
        false => row,
    };
    let window = row.window();
    match row.stage {
        Stage::Draft => Ok(row),
        Stage::Scheduled | Stage::Warm if cx.now >= window.ends_at => close(app, cx, row).await,
        Stage::Scheduled => {
            let warm_at = window.starts_at.minus(app.deps.config.preload_before_start);
            if cx.now < warm_at {
                app.active_sales.upsert(ActiveSale::of(&row));
                app.deps.store.commit(cx, Commit::new().timer(timer(row.id, warm_at))).await?;
                return Ok(row);
            }
            preload(app, row.id).await?;
            let row = next(&row, cx, |row| row.stage = Stage::Warm);
            put(app, cx, &row, Commit::new().timer(timer(row.id, window.ends_at))).await?;
            Ok(row)
        }
        Stage::Warm => {
            app.deps.store.commit(cx, Commit::new().timer(timer(row.id, window.ends_at))).await?;
            Ok(row)
        }
        Stage::Closed => {
            // Before it looks: what comes back after it has looked moves the timer again.
            app.deps.store.commit(cx, Commit::new().timer(timer(row.id, cx.now.plus(SETTLE_EVERY)))).await?;
            settle(app, cx, row).await
        }
        // What was paid for may come back later still.
        Stage::Settled => settle(app, cx, row).await,
    }
}

/// Ends a sale: nobody is admitted from here on, and what nobody has goes back.
pub(super) async fn close(app: &App, cx: &Cx, row: SaleRow) -> Result<SaleRow, Error> {
    let row = next(&row, cx, |row| row.stage = Stage::Closed);
    let commit = counts::close(Commit::new(), row.id).timer(timer(row.id, cx.now.plus(SETTLE_EVERY)));
    put(app, cx, &row, commit).await?;
    app.active_sales.upsert(ActiveSale::of(&row));
    app.deps.sales.close(row.id).await?;
    app.rooms.close(row.id);
    settle(app, cx, row).await
}

/// Puts back what nobody has; when nobody has anything that is not paid for, the sale is settled. Otherwise its timer,
/// which is set, lets it look again.
async fn settle(app: &App, cx: &Cx, row: SaleRow) -> Result<SaleRow, Error> {
    let is_settled = transfer_units::return_unsold(app, cx, &row).await?;
    if !is_settled || row.stage == Stage::Settled {
        return Ok(row);
    }
    let row = next(&row, cx, |row| row.stage = Stage::Settled);
    put(app, cx, &row, Commit::new()).await?;
    app.active_sales.remove(row.id);
    Ok(row)
}

/// Goes on with the sales that were running when the process ended: nobody is admitted until their gates are loaded.
pub(crate) async fn resume(app: &App) -> Result<(), Error> {
    for stage in [Stage::Scheduled, Stage::Warm] {
        let mut after = 0;
        loop {
            let rows = sales::in_stage(&app.deps.store, stage, after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in &rows {
                // A gate that outlives processes is open for other nodes, and the keeper loads it if it is not.
                if stage == Stage::Warm && !app.deps.sales.is_external() {
                    preload(app, row.id).await?;
                }
                app.active_sales.upsert(ActiveSale::of(row));
            }
        }
    }
    Ok(())
}
