//! The ledger: entries, their lines, and balances.

use std::collections::BTreeMap;

use pulse_kernel::Timestamp;
use pulse_kernel::id::OrderId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

use crate::domain::ledger::{Entry, EntryId};
use crate::domain::payment::Intent;

/// Number of rows per balance. Commits of different payments mostly update different rows.
const SLOTS: u64 = 8;

/// An entry to book.
pub(crate) struct Booking {
    pub(crate) id: EntryId,
    pub(crate) entry: Entry,
    /// ID of the attempt of a capture, or of the refund.
    pub(crate) subject: i64,
}

/// Adds entries of a payment and updates the balances. A second entry of the same kind and subject is a defect, and the
/// commit fails.
pub(crate) fn book(mut commit: Commit, intent: &Intent, bookings: &[Booking], now: Timestamp) -> Commit {
    if bookings.is_empty() {
        return commit;
    }
    let mut changes: BTreeMap<(String, String, i64), i64> = BTreeMap::new();
    for Booking { id, entry, subject } in bookings {
        // The amount of an entry is the sum of its debits.
        let debits = entry.lines().iter().map(|line| line.amount.minor).filter(|minor| *minor > 0);
        let currency = entry.lines().first().map(|line| line.amount.currency.code().to_owned()).unwrap_or_default();
        let columns =
            &["id", "kind", "subject_id", "intent_id", "order_id", "shop_id", "currency", "amount_minor", "booked_at"];
        commit = commit.insert(Insert::into("payment_entries", columns).row(values![
            *id,
            entry.kind().word(),
            *subject,
            intent.id,
            intent.order,
            intent.shop,
            currency,
            debits.sum::<i64>(),
            now
        ]));
        let mut lines =
            Insert::into("payment_lines", &["entry_id", "line_number", "account", "currency", "amount_minor"]);
        for (number, line) in (1_i64..).zip(entry.lines()) {
            let (account, currency) = (line.account.to_string(), line.amount.currency.code().to_owned());
            lines = lines.row(values![*id, number, account.as_str(), currency.as_str(), line.amount.minor]);
            *changes.entry((account, currency, slot(*subject))).or_default() += line.amount.minor;
        }
        commit = commit.insert(lines);
    }
    update_balances(commit, &changes)
}

/// Updates balances, sorted by account so that concurrent commits cannot deadlock.
fn update_balances(mut commit: Commit, changes: &BTreeMap<(String, String, i64), i64>) -> Commit {
    for ((account, currency, slot), minor) in changes {
        let columns = &["account", "currency", "slot", "balance_minor"];
        let row = Insert::into("payment_accounts", columns)
            .on_conflict_ignore(&["account", "currency", "slot"])
            .row(values![account.as_str(), currency.as_str(), *slot, 0_i64]);
        let add = Statement::new(
            "UPDATE payment_accounts SET balance_minor = balance_minor + ? \
             WHERE account = ? AND currency = ? AND slot = ?",
            values![*minor, account.as_str(), currency.as_str(), *slot],
        );
        commit = commit.insert(row).write(add).expect_rows(1);
    }
    commit
}

/// Slot of an ID. The hash distributes consecutive IDs, which differ in few bits, over all slots.
fn slot(id: i64) -> i64 {
    let spread = id.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    i64::try_from(spread.rem_euclid(SLOTS)).unwrap_or(0)
}

row! {
    /// An account and its balance.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct AccountRow {
        pub(crate) account: String = "account",
        pub(crate) currency: String = "currency",
        pub(crate) balance_minor: i64 = "balance_minor",
        /// Sum of the lines of the account.
        pub(crate) lines_minor: i64 = "lines_minor",
    }
}

/// Key of a balance. Balances are sorted by account and currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountKey {
    pub(crate) account: String,
    pub(crate) currency: String,
}

/// Balances after this key; an empty `currency` includes all currencies.
pub(crate) async fn accounts(
    store: &Store,
    currency: &str,
    after: &AccountKey,
    count: i64,
) -> Result<Vec<AccountRow>, StoreError> {
    let query = Statement::new(
        "SELECT account, currency, SUM(balance_minor) AS balance_minor, SUM(balance_minor) AS lines_minor \
         FROM payment_accounts WHERE (account > ? OR (account = ? AND currency > ?)) AND (? = '' OR currency = ?) \
         GROUP BY account, currency ORDER BY account, currency LIMIT ?",
        values![after.account.as_str(), after.account.as_str(), after.currency.as_str(), currency, currency, count],
    );
    store.all(query).await
}

/// As [`accounts`], with the sums of the lines. One query reads both, so they belong to the same moment.
pub(crate) async fn accounts_with_lines(
    store: &Store,
    after: &AccountKey,
    count: i64,
) -> Result<Vec<AccountRow>, StoreError> {
    let query = Statement::new(
        "SELECT a.account AS account, a.currency AS currency, SUM(a.balance_minor) AS balance_minor, \
         (SELECT COALESCE(SUM(l.amount_minor), 0) FROM payment_lines l \
          WHERE l.account = a.account AND l.currency = a.currency) AS lines_minor \
         FROM payment_accounts a WHERE a.account > ? OR (a.account = ? AND a.currency > ?) \
         GROUP BY a.account, a.currency ORDER BY a.account, a.currency LIMIT ?",
        values![after.account.as_str(), after.account.as_str(), after.currency.as_str(), count],
    );
    store.all(query).await
}

/// Sets a balance to the sum of its lines, as both were read.
pub(crate) fn correct_balance(commit: Commit, row: &AccountRow) -> Commit {
    let difference = row.lines_minor - row.balance_minor;
    let key = (row.account.clone(), row.currency.clone(), 0);
    update_balances(commit, &BTreeMap::from([(key, difference)]))
}

row! {
    /// An entry of the ledger.
    #[derive(Clone, Debug)]
    pub(crate) struct EntryRow {
        pub(crate) id: EntryId = "id",
        pub(crate) kind: String = "kind",
        pub(crate) order: OrderId = "order_id",
        pub(crate) booked_at: Timestamp = "booked_at",
    }
}

/// Entries of an order, or of all orders, with IDs below `before`, newest first.
pub(crate) async fn entries(
    store: &Store,
    order: Option<OrderId>,
    before: EntryId,
    count: i64,
) -> Result<Vec<EntryRow>, StoreError> {
    let query = match order {
        None => Statement::new(
            "SELECT * FROM payment_entries WHERE id < ? ORDER BY id DESC LIMIT ?",
            values![before, count],
        ),
        Some(order) => Statement::new(
            "SELECT * FROM payment_entries WHERE order_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
            values![order, before, count],
        ),
    };
    store.all(query).await
}

row! {
    /// A line of an entry.
    #[derive(Clone, Debug)]
    pub(crate) struct LineRow {
        pub(crate) entry: EntryId = "entry_id",
        pub(crate) account: String = "account",
        pub(crate) currency: String = "currency",
        pub(crate) amount_minor: i64 = "amount_minor",
    }
}

/// Lines of these entries.
pub(crate) async fn lines_of(store: &Store, entries: &[EntryRow]) -> Result<Vec<LineRow>, StoreError> {
    let ids = entries.iter().map(|entry| entry.id);
    let query = Statement::listing(
        "SELECT * FROM payment_lines WHERE entry_id IN (??) ORDER BY entry_id, line_number",
        ids,
        values![],
    );
    store.all(query).await
}
