//! Accounts, the shops of staff accounts, and the index of phone numbers.

use std::collections::BTreeMap;

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_store::{Commit, Insert, LIST_MAX, Statement, Store, StoreError, row, stored_number, values};

use crate::domain::phone;
use crate::domain::roles::Roles;

stored_number! {
    Roles: Roles::bits, |bits| Some(Roles::from_bits(bits));
}

row! {
    /// An account.
    #[derive(Clone, Debug)]
    pub(crate) struct AccountRow {
        pub(crate) id: AccountId = "id",
        pub(crate) display_name: String = "display_name",
        pub(crate) phone: Option<String> = "phone",
        pub(crate) email: Option<String> = "email",
        pub(crate) avatar_url: String = "avatar_url",
        pub(crate) bio: String = "bio",
        pub(crate) time_zone: String = "time_zone",
        pub(crate) roles: Roles = "role_bits",
        /// Time of the last change of roles or shops; the epoch when there was none.
        pub(crate) roles_changed_at: Timestamp = "roles_changed_at",
        pub(crate) follower_count: i64 = "follower_count",
        pub(crate) following_count: i64 = "following_count",
        pub(crate) created_at: Timestamp = "created_at",
        pub(crate) version: i64 = "version",
    }
}

row! {
    /// The roles of an account after their last change.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct RolesRow {
        pub(crate) id: AccountId = "id",
        pub(crate) roles: Roles = "role_bits",
        pub(crate) changed_at: Timestamp = "roles_changed_at",
        pub(crate) version: i64 = "version",
    }
}

pub(crate) async fn by_id(store: &Store, id: AccountId) -> Result<Option<AccountRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM account_accounts WHERE id = ?", values![id])).await
}

pub(crate) async fn by_phone(store: &Store, phone: &str) -> Result<Option<AccountRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM account_accounts WHERE phone = ?", values![phone])).await
}

pub(crate) async fn by_email(store: &Store, email: &str) -> Result<Option<AccountRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM account_accounts WHERE email = ?", values![email])).await
}

/// The accounts with these IDs that exist, by ID.
pub(crate) async fn by_ids(store: &Store, ids: &[AccountId]) -> Result<BTreeMap<AccountId, AccountRow>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = Statement::listing("SELECT * FROM account_accounts WHERE id IN (??)", ids.iter().copied(), values![]);
    let rows: Vec<AccountRow> = store.all(query).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Accounts whose phone number contains these four consecutive digits, ordered by ID.
pub(crate) async fn by_gram(
    store: &Store,
    gram: &str,
    after: AccountId,
    limit: i64,
) -> Result<Vec<AccountRow>, StoreError> {
    let query = Statement::new(
        "SELECT account_accounts.* FROM account_phone_grams \
         JOIN account_accounts ON account_accounts.id = account_phone_grams.account_id \
         WHERE gram = ? AND account_id > ? ORDER BY account_id LIMIT ?",
        values![gram, after, limit],
    );
    store.all(query).await
}

/// Accounts whose roles changed after this time.
pub(crate) async fn roles_changed_since(store: &Store, since: Timestamp) -> Result<Vec<RolesRow>, StoreError> {
    let text = "SELECT id, role_bits, roles_changed_at, version FROM account_accounts WHERE roles_changed_at > ?";
    store.all(Statement::new(text, values![since])).await
}

/// The shops of these staff accounts, as pairs of account and shop.
pub(crate) async fn shops_of_all(store: &Store, ids: &[AccountId]) -> Result<Vec<(AccountId, ShopId)>, StoreError> {
    let mut pairs = Vec::new();
    for ids in ids.chunks(LIST_MAX) {
        let text =
            "SELECT account_id, shop_id FROM account_staff WHERE account_id IN (??) ORDER BY account_id, shop_id";
        pairs.extend(store.all::<(AccountId, ShopId)>(Statement::listing(text, ids.iter().copied(), values![])).await?);
    }
    Ok(pairs)
}

/// The shops of a staff account, ordered by ID.
pub(crate) async fn shops_of(store: &Store, id: AccountId) -> Result<Vec<ShopId>, StoreError> {
    let query = Statement::new("SELECT shop_id FROM account_staff WHERE account_id = ? ORDER BY shop_id", values![id]);
    store.all(query).await
}

/// Adds the writes of a new account.
pub(crate) fn insert(commit: Commit, row: &AccountRow) -> Commit {
    // A concurrent registration of the same phone number or address: the retry finds the account.
    let commit = commit.insert(Insert::rows("account_accounts", [row])).duplicate_is(&errors::STORE_CONTENDED);
    let grams = row.phone.as_deref().map(phone::grams).unwrap_or_default();
    if grams.is_empty() {
        return commit;
    }
    let index = Insert::into("account_phone_grams", &["gram", "account_id"]);
    commit.insert(grams.into_iter().fold(index, |index, gram| index.row(values![gram, row.id])))
}

/// The write of profile and roles; the counters have their own statements.
pub(crate) fn update(row: &AccountRow) -> Statement {
    Statement::new(
        "UPDATE account_accounts SET display_name = ?, avatar_url = ?, bio = ?, time_zone = ?, role_bits = ?, \
         roles_changed_at = ?, version = version + 1 WHERE id = ? AND version = ?",
        values![
            row.display_name.as_str(),
            row.avatar_url.as_str(),
            row.bio.as_str(),
            row.time_zone.as_str(),
            row.roles,
            row.roles_changed_at,
            row.id,
            row.version
        ],
    )
}

/// The write that adds to the counters of an account. It checks no version, because sums do not depend on their order.
pub(crate) fn add_to_counts(id: AccountId, followers: i64, following: i64) -> Statement {
    Statement::new(
        "UPDATE account_accounts SET follower_count = follower_count + ?, following_count = following_count + ? \
         WHERE id = ?",
        values![followers, following, id],
    )
}

/// The write that increments the number of followed accounts; it changes no row when that is `following_max` already. The
/// database compares, because a concurrent follow may have changed the counter after it was read.
pub(crate) fn follow_one_more(id: AccountId, following_max: i64) -> Statement {
    Statement::new(
        "UPDATE account_accounts SET following_count = following_count + 1 WHERE id = ? AND following_count < ?",
        values![id, following_max],
    )
}

/// The write that adds shops to a staff account.
pub(crate) fn add_shops(id: AccountId, shops: &[ShopId]) -> Insert {
    let insert =
        Insert::into("account_staff", &["account_id", "shop_id"]).on_conflict_ignore(&["account_id", "shop_id"]);
    shops.iter().fold(insert, |insert, shop| insert.row(values![id, *shop]))
}

/// The write that removes a shop from a staff account.
pub(crate) fn remove_shop(id: AccountId, shop: ShopId) -> Statement {
    Statement::new("DELETE FROM account_staff WHERE account_id = ? AND shop_id = ?", values![id, shop])
}
