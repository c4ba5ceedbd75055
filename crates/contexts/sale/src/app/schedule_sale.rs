//! Gives a sale its units and lets it begin at its time.

use pulse_contract::sale::v1::{Sale, ScheduleSaleRequest, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{
    App, RECOVER_AFTER, advance, conflict, create_sale, managed, next, offer, put, timer, transfer_units, view,
};
use crate::domain::stage::Stage;
use crate::store::counts;

pub(crate) async fn schedule_sale(app: &App, cx: &Cx, request: ScheduleSaleRequest) -> Result<Sale, Error> {
    let row = managed(app, request.shop_id, request.sale_id).await?;
    let row = match row.stage {
        Stage::Draft => {
            let draft = row.draft();
            create_sale::check(&draft, cx)?;
            let offer = offer::find(app, cx, row.shop, &draft).await?;
            if draft.price.as_ref().is_none_or(|price| price.currency != offer.currency) {
                let detail = format!("the shop sells it in {}", offer.currency);
                return Err(errors::SALE_INVALID.error(detail).with("field", "sale.price.currency"));
            }
            let row = next(&row, cx, |row| {
                row.stage = Stage::Scheduled;
                let stored = &mut row.stored;
                (stored.shop_name, stored.item_name) = (offer.shop_name, offer.item_name);
                (stored.variant_name, stored.category_code) = (offer.variant_name, offer.category_code);
                transfer_units::plan(row, draft.units);
            });
            // It goes on by itself when this process dies after the commit.
            put(app, cx, &row, Commit::new().timer(timer(row.id, cx.now.plus(RECOVER_AFTER)))).await?;
            row
        }
        Stage::Scheduled | Stage::Warm => row,
        Stage::Closed | Stage::Settled => return Err(conflict("the sale is over")),
    };
    let row = transfer_units::execute_transfer(app, cx, row).await?;
    let row = advance::advance_row(app, cx, row).await?;
    Ok(view::sale(&row, &counts::of(&app.deps.store, row.id).await?, cx))
}
