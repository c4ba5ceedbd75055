//! Gives roles and takes them away; access tokens carry the new ones from the next refresh on.

use pulse_contract::account::v1::{Account, AccountRolesChanged, GrantRoleRequest, RevokeRoleRequest, errors};
use pulse_contract::errors as common;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Cx, Error, Role};
use pulse_store::Commit;

use super::profile::load;
use super::{App, view};
use crate::domain::roles::SHOPS_MAX;
use crate::store::accounts::{self, AccountRow};

pub(crate) async fn grant_role(app: &App, cx: &Cx, request: GrantRoleRequest) -> Result<Account, Error> {
    let role = role_of(request.role())?;
    let added: Vec<ShopId> = request.shop_ids.iter().copied().map(ShopId::new).collect();
    if (role == Role::MerchantStaff) == added.is_empty() {
        return Err(common::VALIDATION_FAILED.error("shops go with the role of merchant staff, and with no other"));
    }
    app.deps
        .store
        .attempt(cx, || async {
            let (commit, account) = grant(app, AccountId::new(request.account_id), role, &added).await?;
            app.deps.store.commit(cx, commit.answer(cx, &account)).await?;
            Ok(account)
        })
        .await
}

/// Loads the account and decides what giving the role changes. Every grant moves the version of the account, so the
/// limit of its shops holds for grants at the same moment too.
///
/// # Errors
/// `ACCOUNT_SHOPS_LIMIT` when it would work for more than [`SHOPS_MAX`] shops.
pub(crate) async fn grant(app: &App, id: AccountId, role: Role, added: &[ShopId]) -> Result<(Commit, Account), Error> {
    let row = load(app, id).await?;
    let row = AccountRow { roles: row.roles.with(role), ..row };
    let mut commit = Commit::new();
    if !added.is_empty() {
        commit = commit.insert(accounts::add_shops(row.id, added));
    }
    let mut shops = accounts::shops_of(&app.deps.store, row.id).await?;
    let before = shops.len();
    shops.extend(added);
    shops.sort_unstable();
    shops.dedup();
    if shops.len() > before.max(SHOPS_MAX) {
        return Err(errors::ACCOUNT_SHOPS_LIMIT.error("take a shop away first").with("shops", before));
    }
    Ok(with_roles(commit, row, &shops))
}

pub(crate) async fn revoke_role(app: &App, cx: &Cx, request: RevokeRoleRequest) -> Result<Account, Error> {
    let role = role_of(request.role())?;
    let asked: Vec<ShopId> = request.shop_ids.iter().copied().map(ShopId::new).collect();
    app.deps
        .store
        .attempt(cx, || async {
            let row = load(app, AccountId::new(request.account_id)).await?;
            let mut shops = accounts::shops_of(&app.deps.store, row.id).await?;
            let mut commit = Commit::new();
            if role == Role::MerchantStaff {
                let (gone, kept): (Vec<_>, Vec<_>) =
                    shops.into_iter().partition(|shop| asked.is_empty() || asked.contains(shop));
                commit =
                    gone.into_iter().fold(commit, |commit, shop| commit.write(accounts::remove_shop(row.id, shop)));
                shops = kept;
            }
            let keeps = role == Role::MerchantStaff && !shops.is_empty();
            let roles = if keeps { row.roles } else { row.roles.without(role) };
            let (commit, account) = with_roles(commit, AccountRow { roles, ..row }, &shops);
            app.deps.store.commit(cx, commit.answer(cx, &account)).await?;
            Ok(account)
        })
        .await
}

/// Adds the roles of `row` and the event to a commit.
fn with_roles(commit: Commit, row: AccountRow, shops: &[ShopId]) -> (Commit, Account) {
    let update = accounts::update(&row);
    let account = view::account(row, shops);
    let event = AccountRolesChanged {
        account_id: account.account_id,
        roles: account.roles.clone(),
        shop_ids: account.shop_ids.clone(),
    };
    (commit.write(update).expect_rows(1).event(account.account_id, &event), account)
}

fn role_of(role: pulse_contract::account::v1::AccountRole) -> Result<Role, Error> {
    view::role_from_wire(role).ok_or_else(|| common::VALIDATION_FAILED.error("this role cannot be given or taken"))
}
