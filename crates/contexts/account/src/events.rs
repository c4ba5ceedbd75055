//! Handlers of the events of shops.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::account::v1::errors;
use pulse_contract::shop::v1::ShopApproved;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Cx, Error, Role};

use crate::app::{self, App};

pub(crate) fn consumers(app: &App) -> [Consumer; 1] {
    [Consumer::named("account.staff_of_approved_shops").handles(app, make_owner_staff)]
}

/// Makes the owner of a shop its staff when the shop is approved.
async fn make_owner_staff(app: &App, cx: &Cx, delivery: &Delivery, event: ShopApproved) -> Result<(), Error> {
    if event.owner_account_id == 0 {
        return Ok(());
    }
    let (owner, shop) = (AccountId::new(event.owner_account_id), ShopId::new(event.shop_id));
    let (commit, _account) = match app::grant(app, owner, Role::MerchantStaff, &[shop]).await {
        // Trying again would find no more room, and the owner's other events would wait behind this one. The shop is
        // open; only the owner's token does not name it, until there is room and an operator grants it.
        Err(error) if error.code() == errors::ACCOUNT_SHOPS_LIMIT.code => {
            tracing::warn!(account = owner.get(), shop = shop.get(), "the owner works for too many shops for one more");
            return Ok(());
        }
        granted => granted?,
    };
    Ok(delivery.commit(&app.deps.store, cx, commit).await?)
}
