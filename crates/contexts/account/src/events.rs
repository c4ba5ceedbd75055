//! Consumers of events of shops.

use pulse_bus::{Consumer, Delivery};
use pulse_contract::account::v1::errors;
use pulse_contract::shop::v1::ShopApproved;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Cx, Error, Role};

use crate::app::{self, App};

pub(crate) fn consumers(app: &App) -> [Consumer; 1] {
    [Consumer::named("account.staff_of_approved_shops").handles(app, make_owner_staff)]
}

/// Makes the owner of an approved shop its staff.
async fn make_owner_staff(app: &App, cx: &Cx, delivery: &Delivery, event: ShopApproved) -> Result<(), Error> {
    if event.owner_account_id == 0 {
        return Ok(());
    }
    let (owner, shop) = (AccountId::new(event.owner_account_id), ShopId::new(event.shop_id));
    let plan = match app::plan_grant(app, cx.now, owner, Role::MerchantStaff, &[shop]).await {
        // A retry would fail again and block later events of the same key. An operator can grant the shop later.
        Err(error) if error.code() == errors::ACCOUNT_SHOPS_LIMIT.code => {
            tracing::warn!(
                account = owner.get(),
                shop = shop.get(),
                "owner of an approved shop works for the maximum number of shops; grant the role after removing another shop"
            );
            return Ok(());
        }
        planned => planned?,
    };
    delivery.commit(&app.deps.store, cx, plan.commit).await?;
    if !delivery.is_duplicate() {
        plan.applied.publish(app);
    }
    Ok(())
}
