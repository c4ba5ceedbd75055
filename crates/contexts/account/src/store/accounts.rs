//! Accounts, the shops they work for, and the index of their phone numbers.

use std::collections::BTreeMap;

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, stored_number, values};

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
        pub(crate) follower_count: i64 = "follower_count",
        pub(crate) following_count: i64 = "following_count",
        pub(crate) created_at: Timestamp = "created_at",
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

/// The accounts with these ids, by id; those that are not there are left out.
pub(crate) async fn by_ids(store: &Store, ids: &[AccountId]) -> Result<BTreeMap<AccountId, AccountRow>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = Statement::listing("SELECT * FROM account_accounts WHERE id IN (??)", ids.iter().copied(), values![]);
    let rows: Vec<AccountRow> = store.all(query).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Accounts whose number has these four digits in a row, in the order of their ids.
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

pub(crate) async fn shops_of(store: &Store, id: AccountId) -> Result<Vec<ShopId>, StoreError> {
    let query = Statement::new("SELECT shop_id FROM account_staff WHERE account_id = ? ORDER BY shop_id", values![id]);
    store.all(query).await
}

/// Adds the writes that make a new account.
pub(crate) fn insert(commit: Commit, row: &AccountRow) -> Commit {
    // A phone or an address that somebody registers at the same moment: load again and find the account.
    let commit = commit.insert(Insert::rows("account_accounts", [row])).duplicate_is(&errors::STORE_CONTENDED);
    let grams = row.phone.as_deref().map(phone::grams).unwrap_or_default();
    if grams.is_empty() {
        return commit;
    }
    let index = Insert::into("account_phone_grams", &["gram", "account_id"]);
    commit.insert(grams.into_iter().fold(index, |index, gram| index.row(values![gram, row.id])))
}

/// Writes the profile and the roles; the counts have statements of their own.
pub(crate) fn update(row: &AccountRow) -> Statement {
    Statement::new(
        "UPDATE account_accounts SET display_name = ?, avatar_url = ?, bio = ?, time_zone = ?, role_bits = ?, \
         version = version + 1 WHERE id = ? AND version = ?",
        values![
            row.display_name.as_str(),
            row.avatar_url.as_str(),
            row.bio.as_str(),
            row.time_zone.as_str(),
            row.roles,
            row.id,
            row.version
        ],
    )
}

/// Moves the counts of an account; no version, since sums do not care about their order.
pub(crate) fn add_to_counts(id: AccountId, followers: i64, following: i64) -> Statement {
    Statement::new(
        "UPDATE account_accounts SET follower_count = follower_count + ?, following_count = following_count + ? \
         WHERE id = ?",
        values![followers, following, id],
    )
}

/// Counts one more account that this one follows, unless it follows `following_max` already: a count that was loaded
/// before does not know of follows at the same moment.
pub(crate) fn follow_one_more(id: AccountId, following_max: i64) -> Statement {
    Statement::new(
        "UPDATE account_accounts SET following_count = following_count + 1 WHERE id = ? AND following_count < ?",
        values![id, following_max],
    )
}

/// Lets the account work for these shops too.
pub(crate) fn add_shops(id: AccountId, shops: &[ShopId]) -> Insert {
    let insert =
        Insert::into("account_staff", &["account_id", "shop_id"]).on_conflict_ignore(&["account_id", "shop_id"]);
    shops.iter().fold(insert, |insert, shop| insert.row(values![id, *shop]))
}

/// Lets the account not work for this shop any more.
pub(crate) fn remove_shop(id: AccountId, shop: ShopId) -> Statement {
    Statement::new("DELETE FROM account_staff WHERE account_id = ? AND shop_id = ?", values![id, shop])
}
