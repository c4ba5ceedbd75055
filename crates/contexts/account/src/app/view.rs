//! Messages of the contract, made from rows.

use pulse_contract::account::v1::{Account, AccountRole, Profile};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Error, Role};

use super::App;
use crate::store::accounts::{self, AccountRow};

/// The account for its owner and for operators.
pub(super) fn account(row: AccountRow, shops: &[ShopId]) -> Account {
    Account {
        account_id: row.id.get(),
        display_name: row.display_name,
        phone: row.phone.unwrap_or_default(),
        email: row.email.unwrap_or_default(),
        avatar_url: row.avatar_url,
        bio: row.bio,
        time_zone: row.time_zone,
        roles: std::iter::once(Role::Consumer).chain(row.roles.iter()).map(|role| role_to_wire(role).into()).collect(),
        shop_ids: shops.iter().map(|shop| shop.get()).collect(),
        follower_count: row.follower_count,
        following_count: row.following_count,
        created_at: Some(row.created_at.into()),
    }
}

/// The public profile of the account.
pub(super) fn profile(row: &AccountRow) -> Profile {
    Profile {
        account_id: row.id.get(),
        display_name: row.display_name.clone(),
        avatar_url: row.avatar_url.clone(),
        bio: row.bio.clone(),
        follower_count: row.follower_count,
        following_count: row.following_count,
    }
}

/// The account with its shops, which are read for staff accounts only.
pub(super) async fn with_shops(app: &App, row: AccountRow) -> Result<Account, Error> {
    let shops = shops_of(app, &row).await?;
    Ok(account(row, &shops))
}

pub(super) async fn shops_of(app: &App, row: &AccountRow) -> Result<Vec<ShopId>, Error> {
    if !row.roles.has(Role::MerchantStaff) {
        return Ok(Vec::new());
    }
    Ok(accounts::shops_of(&app.deps.store, row.id).await?)
}

pub(super) fn role_to_wire(role: Role) -> AccountRole {
    match role {
        Role::Consumer => AccountRole::Consumer,
        Role::MerchantStaff => AccountRole::MerchantStaff,
        Role::Courier => AccountRole::Courier,
        Role::Operator => AccountRole::Operator,
    }
}

/// The role of the contract; `None` for roles that cannot be granted or revoked.
pub(super) fn role_from_wire(role: AccountRole) -> Option<Role> {
    match role {
        AccountRole::Unspecified | AccountRole::Consumer => None,
        AccountRole::MerchantStaff => Some(Role::MerchantStaff),
        AccountRole::Courier => Some(Role::Courier),
        AccountRole::Operator => Some(Role::Operator),
    }
}
