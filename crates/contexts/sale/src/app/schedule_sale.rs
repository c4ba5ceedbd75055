//! Schedules a draft: transfers its units from the stock, and sets the timer of its start.

use pulse_contract::sale::v1::{Sale, ScheduleSaleRequest};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{
    App, RECOVER_AFTER, advance, conflict, create_sale, managed, next, offer, put, timer, transfer_units, view,
};
use crate::domain::sale_status::SaleStatus;
use crate::store::counts;

pub(crate) async fn schedule_sale(app: &App, cx: &Cx, request: ScheduleSaleRequest) -> Result<Sale, Error> {
    let row = managed(app, request.shop_id, request.sale_id).await?;
    let row = match row.status {
        SaleStatus::Draft => {
            let draft = row.draft();
            create_sale::check(&draft, cx)?;
            let offer = offer::find(app, cx, row.shop, &draft).await?;
            offer.check_currency(&draft)?;
            let row = next(&row, cx, |row| {
                row.status = SaleStatus::Scheduled;
                let stored = &mut row.stored;
                (stored.shop_name, stored.item_name) = (offer.shop_name, offer.item_name);
                (stored.variant_name, stored.category_code) = (offer.variant_name, offer.category_code);
                transfer_units::plan(row, draft.units);
            });
            // The timer continues when this process stops after the commit.
            put(app, cx, &row, Commit::new().timer(timer(row.id, cx.now.plus(RECOVER_AFTER)))).await?;
            row
        }
        SaleStatus::Scheduled | SaleStatus::Ready => row,
        SaleStatus::Closed | SaleStatus::Settled => return Err(conflict("the sale has ended")),
    };
    let row = transfer_units::execute_transfer(app, cx, row).await?;
    let row = advance::advance_row(app, cx, row).await?;
    Ok(view::sale(&row, &counts::of(&app.deps.store, row.id).await?, cx))
}
