//! Grants and revokes roles. A change applies at once, also to access tokens that were issued before.

use pulse_contract::account::v1::{Account, AccountRolesChanged, GrantRoleRequest, RevokeRoleRequest, errors};
use pulse_contract::errors as common;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Cx, Error, Role, Timestamp};
use pulse_store::Commit;

use super::profile::load;
use super::{App, view};
use crate::domain::roles::SHOPS_MAX;
use crate::role_changes::RoleChange;
use crate::store::accounts::{self, AccountRow};

/// A change of the roles of an account, to be committed.
pub(crate) struct RolesPlan {
    pub(crate) commit: Commit,
    pub(crate) applied: AppliedRoles,
}

/// The account after the commit of a [`RolesPlan`].
pub(crate) struct AppliedRoles {
    account: Account,
    id: AccountId,
    change: RoleChange,
}

impl AppliedRoles {
    /// Applies the change to access tokens on this node. Called after the commit.
    pub(crate) fn publish(self, app: &App) -> Account {
        app.access.roles_changed(self.id, self.change);
        self.account
    }
}

pub(crate) async fn grant_role(app: &App, cx: &Cx, request: GrantRoleRequest) -> Result<Account, Error> {
    let role = role_of(request.role())?;
    let added: Vec<ShopId> = request.shop_ids.iter().copied().map(ShopId::new).collect();
    if (role == Role::MerchantStaff) == added.is_empty() {
        let detail = format!(
            "shop_ids must contain 1 to 100 shops with ACCOUNT_ROLE_MERCHANT_STAFF and be empty with other roles, got {}",
            added.len()
        );
        return Err(common::VALIDATION_FAILED.error(detail));
    }
    let store = &app.deps.store;
    let applied = store
        .attempt(cx, || async {
            let plan = plan_grant(app, cx.now, AccountId::new(request.account_id), role, &added).await?;
            store.commit(cx, plan.commit.answer(cx, &plan.applied.account)).await?;
            Ok(plan.applied)
        })
        .await?;
    Ok(applied.publish(app))
}

/// Loads the account and plans the grant. Each grant changes the version of the account, so concurrent grants keep the
/// limit of shops.
///
/// # Errors
/// `ACCOUNT_SHOPS_LIMIT` when the account would work for more than [`SHOPS_MAX`] shops.
pub(crate) async fn plan_grant(
    app: &App,
    now: Timestamp,
    id: AccountId,
    role: Role,
    added: &[ShopId],
) -> Result<RolesPlan, Error> {
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
        let detail = format!("an account can work for at most {SHOPS_MAX} shops, and this one works for {before}");
        return Err(errors::ACCOUNT_SHOPS_LIMIT.error(detail).with("shops", before));
    }
    Ok(plan(commit, row, shops, now))
}

pub(crate) async fn revoke_role(app: &App, cx: &Cx, request: RevokeRoleRequest) -> Result<Account, Error> {
    let role = role_of(request.role())?;
    let removed: Vec<ShopId> = request.shop_ids.iter().copied().map(ShopId::new).collect();
    let store = &app.deps.store;
    let applied = store
        .attempt(cx, || async {
            let row = load(app, AccountId::new(request.account_id)).await?;
            let mut shops = accounts::shops_of(store, row.id).await?;
            let mut commit = Commit::new();
            if role == Role::MerchantStaff {
                let (gone, kept): (Vec<_>, Vec<_>) =
                    shops.into_iter().partition(|shop| removed.is_empty() || removed.contains(shop));
                commit =
                    gone.into_iter().fold(commit, |commit, shop| commit.write(accounts::remove_shop(row.id, shop)));
                shops = kept;
            }
            let keeps = role == Role::MerchantStaff && !shops.is_empty();
            let roles = if keeps { row.roles } else { row.roles.without(role) };
            let plan = plan(commit, AccountRow { roles, ..row }, shops, cx.now);
            store.commit(cx, plan.commit.answer(cx, &plan.applied.account)).await?;
            Ok(plan.applied)
        })
        .await?;
    Ok(applied.publish(app))
}

/// Adds the write of `row` with its new roles, and the event.
fn plan(commit: Commit, row: AccountRow, shops: Vec<ShopId>, now: Timestamp) -> RolesPlan {
    let row = AccountRow { roles_changed_at: now, ..row };
    let id = row.id;
    let change = RoleChange { version: row.version + 1, changed_at: now, roles: row.roles.iter().collect(), shops };
    let update = accounts::update(&row);
    let account = view::account(row, &change.shops);
    let event = AccountRolesChanged {
        account_id: account.account_id,
        roles: account.roles.clone(),
        shop_ids: account.shop_ids.clone(),
    };
    let commit = commit.write(update).expect_rows(1).event(account.account_id, &event);
    RolesPlan { commit, applied: AppliedRoles { account, id, change } }
}

fn role_of(role: pulse_contract::account::v1::AccountRole) -> Result<Role, Error> {
    view::role_from_wire(role).ok_or_else(|| {
        let detail = format!("role must be a role other than consumer, got {}", role.as_str_name());
        common::VALIDATION_FAILED.error(detail)
    })
}
