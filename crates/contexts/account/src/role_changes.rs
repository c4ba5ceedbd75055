//! Roles and shops that changed while older access tokens are still valid, so that a change takes effect at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Error, Principal, Role, Timestamp};
use pulse_store::Store;
use pulse_token::CLOCK_LEEWAY;

use crate::store::accounts;

/// Roles and shops of an account after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleChange {
    /// Version of the account after the change.
    pub(crate) version: i64,
    pub(crate) changed_at: Timestamp,
    pub(crate) roles: Vec<Role>,
    pub(crate) shops: Vec<ShopId>,
}

/// Accounts whose roles changed within the lifetime of an access token. Clones share their content.
#[derive(Clone, Debug)]
pub(crate) struct RoleChanges {
    kept: Duration,
    by_account: Arc<RwLock<HashMap<AccountId, RoleChange>>>,
}

impl RoleChanges {
    pub(crate) fn new(access_ttl: Duration) -> Self {
        // A node whose clock is slow may issue a token with the old roles after the change.
        Self { kept: access_ttl.saturating_add(CLOCK_LEEWAY), by_account: Arc::default() }
    }

    /// The principal of a token that was issued at `issued_at`, with the current roles of the account.
    ///
    /// A token that was issued clearly after the last known change stays as it is: it may contain a newer one.
    pub(crate) fn apply(&self, principal: Arc<Principal>, issued_at: Timestamp) -> Arc<Principal> {
        let by_account = self.by_account.read();
        if by_account.is_empty() {
            return principal;
        }
        match by_account.get(&principal.account) {
            Some(change) if issued_at <= change.changed_at.plus(CLOCK_LEEWAY) => Arc::new(Principal {
                account: principal.account,
                session: principal.session,
                roles: change.roles.clone(),
                shops: change.shops.clone(),
            }),
            Some(_) | None => principal,
        }
    }

    /// Adds changes, and removes changes that every valid token contains by `now`.
    pub(crate) fn add(&self, changes: impl IntoIterator<Item = (AccountId, RoleChange)>, now: Timestamp) {
        let mut by_account = self.by_account.write();
        for (account, change) in changes {
            if by_account.get(&account).is_none_or(|known| known.version < change.version) {
                by_account.insert(account, change);
            }
        }
        let oldest = now.minus(self.kept);
        by_account.retain(|_, change| change.changed_at > oldest);
    }

    /// Adds the changes that the database knows, including those of other nodes.
    pub(crate) async fn load(&self, store: &Store) -> Result<(), Error> {
        let now = store.clock().now();
        let mut changed = accounts::roles_changed_since(store, now.minus(self.kept)).await?;
        {
            let known = self.by_account.read();
            changed.retain(|row| known.get(&row.id).is_none_or(|known| known.version < row.version));
        }
        let ids: Vec<AccountId> = changed.iter().map(|row| row.id).collect();
        let mut shops: BTreeMap<AccountId, Vec<ShopId>> = BTreeMap::new();
        for (account, shop) in accounts::shops_of_all(store, &ids).await? {
            shops.entry(account).or_default().push(shop);
        }
        let changes = changed.into_iter().map(|row| {
            let shops = shops.remove(&row.id).unwrap_or_default();
            let change = RoleChange {
                version: row.version,
                changed_at: row.changed_at,
                roles: row.roles.iter().collect(),
                shops,
            };
            (row.id, change)
        });
        self.add(changes, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(900);
    const NOW: Timestamp = Timestamp::from_millis(1_777_867_200_000);

    fn principal(roles: &[Role]) -> Arc<Principal> {
        Arc::new(Principal { account: AccountId::new(7), session: 1, roles: roles.to_vec(), shops: vec![] })
    }

    fn change(version: i64, changed_at: Timestamp, roles: &[Role]) -> (AccountId, RoleChange) {
        (AccountId::new(7), RoleChange { version, changed_at, roles: roles.to_vec(), shops: vec![] })
    }

    #[test]
    fn a_token_that_was_issued_before_the_change_has_the_current_roles() {
        let changes = RoleChanges::new(TTL);
        let before = principal(&[Role::Courier]);
        assert_eq!(changes.apply(before.clone(), NOW), before);
        changes.add([change(2, NOW, &[Role::Operator])], NOW);
        for (issued_at, expected) in [
            (NOW.minus(TTL), Role::Operator),
            (NOW, Role::Operator),
            (NOW.plus(CLOCK_LEEWAY), Role::Operator),
            (NOW.plus(CLOCK_LEEWAY).plus(Duration::from_millis(1)), Role::Courier),
        ] {
            assert_eq!(changes.apply(before.clone(), issued_at).roles, [expected], "{issued_at:?}");
        }
    }

    #[test]
    fn an_older_change_does_not_replace_a_newer_one() {
        let changes = RoleChanges::new(TTL);
        changes.add([change(3, NOW, &[]), change(2, NOW, &[Role::Operator])], NOW);
        assert_eq!(changes.apply(principal(&[Role::Courier]), NOW).roles, []);
    }

    #[test]
    fn a_change_is_kept_as_long_as_an_older_token_is_valid() {
        let changes = RoleChanges::new(TTL);
        changes.add([change(2, NOW, &[])], NOW);
        let (kept, millisecond) = (TTL + CLOCK_LEEWAY, Duration::from_millis(1));
        changes.add([], NOW.plus(kept - millisecond));
        assert_eq!(changes.apply(principal(&[Role::Courier]), NOW).roles, []);
        changes.add([], NOW.plus(kept));
        assert_eq!(changes.apply(principal(&[Role::Courier]), NOW).roles, [Role::Courier]);
    }
}
