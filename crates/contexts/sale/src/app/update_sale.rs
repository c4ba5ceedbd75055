//! Changes the fields of a sale.

use pulse_contract::sale::v1::{Sale, SaleDraft, UpdateSaleRequest, errors};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, conflict, create_sale, managed, next, offer, put, timer, view};
use crate::domain::sale_status::SaleStatus;
use crate::store::counts;
use crate::store::sales::SaleRow;

pub(crate) async fn update_sale(app: &App, cx: &Cx, request: UpdateSaleRequest) -> Result<Sale, Error> {
    let draft = request.sale.unwrap_or_default();
    create_sale::check(&draft, cx)?;
    let row = managed(app, request.shop_id, request.sale_id).await?;
    if row.version != request.expected_version {
        return Err(errors::SALE_VERSION_STALE.error("the version is not the current one; read the sale again"));
    }
    check_change(&row, &draft)?;
    if row.status == SaleStatus::Draft {
        offer::check_currency(app, cx, row.shop, &draft).await?;
    }
    let row = next(&row, cx, |row| row.stored.sale = Some(draft));
    let commit = match row.status.is_running() {
        // The end may have changed.
        true => Commit::new().timer(timer(row.id, cx.now)),
        false => Commit::new(),
    };
    put(app, cx, &row, commit).await?;
    Ok(view::sale(&row, &counts::of(&app.deps.store, row.id).await?, cx))
}

/// Refuses changes of fields that buyers rely on after the sale is scheduled.
fn check_change(row: &SaleRow, draft: &SaleDraft) -> Result<(), Error> {
    let old = row.draft();
    match row.status {
        SaleStatus::Draft => Ok(()),
        SaleStatus::Scheduled | SaleStatus::Ready => {
            let allowed = SaleDraft {
                name: draft.name.clone(),
                description: draft.description.clone(),
                ends_at: draft.ends_at,
                ..old
            };
            match allowed == *draft {
                true => Ok(()),
                false => Err(conflict("after a sale is scheduled, only name, description and ends_at can change")),
            }
        }
        SaleStatus::Closed | SaleStatus::Settled => Err(conflict("the sale has ended")),
    }
}
