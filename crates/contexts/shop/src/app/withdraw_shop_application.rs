//! Withdraws an application that no operator has reviewed.

use pulse_contract::shop::v1::{Shop, ShopState, WithdrawShopApplicationRequest};
use pulse_kernel::id::{MerchantId, ShopId};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::change_shop::{commit, state_invalid};
use super::get_shop::not_found;
use super::merchants::merchant_not_found;
use super::{App, view};
use crate::store::shops::ShopRow;
use crate::store::{merchants, shops};

pub(crate) async fn withdraw_shop_application(
    app: &App,
    cx: &Cx,
    request: WithdrawShopApplicationRequest,
) -> Result<Shop, Error> {
    let (merchant, id) = (MerchantId::new(request.merchant_id), ShopId::new(request.shop_id));
    app.deps.store.attempt(cx, || withdraw(app, cx, merchant, id)).await
}

async fn withdraw(app: &App, cx: &Cx, merchant: MerchantId, id: ShopId) -> Result<Shop, Error> {
    let store = &app.deps.store;
    let read = merchants::by_id(store, merchant).await?.filter(|row| cx.actor.account() == Some(row.owner));
    let owned = read.ok_or_else(|| merchant_not_found(merchant))?;
    let row = shops::by_id(store, id).await?.filter(|row| row.merchant == owned.id).ok_or_else(|| not_found(id))?;
    match row.state {
        ShopState::Withdrawn => Ok(view::shop(&view::known(app, row), cx.now)),
        ShopState::PendingReview => {
            // The limit of shops counts applications; a withdrawn one no longer counts.
            let writes = Commit::new().write(merchants::uncount_shop(&owned)).expect_rows(1);
            commit(app, cx, ShopRow { state: ShopState::Withdrawn, ..row }, writes).await
        }
        state @ (ShopState::Unspecified | ShopState::Active | ShopState::Rejected | ShopState::Closed) => {
            Err(state_invalid(state))
        }
    }
}
