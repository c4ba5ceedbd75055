//! Approves or rejects a shop that is pending review.

use pulse_contract::errors as common;
use pulse_contract::shop::v1::{ReviewShopRequest, Shop, ShopApproved, ShopDecision, ShopRejected, ShopState};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use super::change_shop::{commit, load, state_invalid};
use crate::store::merchants;
use crate::store::shops::ShopRow;

pub(crate) async fn review_shop(app: &App, cx: &Cx, request: ReviewShopRequest) -> Result<Shop, Error> {
    let is_approved = request.decision() == ShopDecision::Approve;
    if !is_approved && request.reason.is_empty() {
        return Err(common::VALIDATION_FAILED.error("reason must not be empty for a rejection"));
    }
    app.deps.store.attempt(cx, || review(app, cx, &request, is_approved)).await
}

async fn review(app: &App, cx: &Cx, request: &ReviewShopRequest, is_approved: bool) -> Result<Shop, Error> {
    let mut row = load(app, ShopId::new(request.shop_id)).await?;
    if row.state != ShopState::PendingReview {
        return Err(state_invalid(row.state));
    }
    let (shop_id, merchant_id) = (row.id.get(), row.merchant.get());
    row.details.review_reason.clone_from(&request.reason);
    let writes = if is_approved {
        let merchant = merchants::by_id(&app.deps.store, row.merchant).await?;
        let owner_account_id = merchant.map_or(0, |merchant| merchant.owner.get());
        Commit::new().event(shop_id, &ShopApproved { shop_id, merchant_id, owner_account_id })
    } else {
        Commit::new().event(shop_id, &ShopRejected { shop_id, merchant_id, reason: request.reason.clone() })
    };
    let state = if is_approved { ShopState::Active } else { ShopState::Rejected };
    commit(app, cx, ShopRow { state, ..row }, writes).await
}
