//! The books: entries, their lines, and the balances that they come to.

use std::collections::BTreeMap;

use pulse_kernel::Timestamp;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, values};

use crate::domain::ledger::Entry;
use crate::domain::payment::Intent;

/// Into how many rows a balance is split.
const SLOTS: u64 = 8;

/// An entry that is about to be booked.
pub(crate) struct Booking {
    pub(crate) id: i64,
    pub(crate) entry: Entry,
    /// What it is about: the attempt of a capture, the refund of a refund.
    pub(crate) subject: i64,
}

/// Adds entries about a payment and moves the balances. An entry of the same kind about the same subject is a defect, and
/// nothing is written then.
pub(crate) fn book(mut commit: Commit, intent: &Intent, bookings: &[Booking], now: Timestamp) -> Commit {
    if bookings.is_empty() {
        return commit;
    }
    let mut moves: BTreeMap<(String, String, i64), i64> = BTreeMap::new();
    for Booking { id, entry, subject } in bookings {
        // What an entry moves is the sum of its debits.
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
            *moves.entry((account, currency, slot(*subject))).or_default() += line.amount.minor;
        }
        commit = commit.insert(lines);
    }
    move_balances(commit, &moves)
}

/// In the order of the accounts, so that two commits never wait for each other in a circle.
fn move_balances(mut commit: Commit, moves: &BTreeMap<(String, String, i64), i64>) -> Commit {
    for ((account, currency, slot), minor) in moves {
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

/// Spreads ids over the slots; ids that follow each other differ in few bits.
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

/// Balances by account and currency, after this one.
pub(crate) async fn accounts(
    store: &Store,
    currency: &str,
    (account, after): (&str, &str),
    count: i64,
) -> Result<Vec<AccountRow>, StoreError> {
    let query = Statement::new(
        "SELECT account, currency, SUM(balance_minor) AS balance_minor, SUM(balance_minor) AS lines_minor \
         FROM payment_accounts WHERE (account > ? OR (account = ? AND currency > ?)) AND (? = '' OR currency = ?) \
         GROUP BY account, currency ORDER BY account, currency LIMIT ?",
        values![account, account, after, currency, currency, count],
    );
    store.all(query).await
}

/// As [`accounts`], with what the lines of each come to. One query, so that both are of one moment.
pub(crate) async fn accounts_with_lines(
    store: &Store,
    (account, currency): (&str, &str),
    count: i64,
) -> Result<Vec<AccountRow>, StoreError> {
    let query = Statement::new(
        "SELECT a.account AS account, a.currency AS currency, SUM(a.balance_minor) AS balance_minor, \
         (SELECT COALESCE(SUM(l.amount_minor), 0) FROM payment_lines l \
          WHERE l.account = a.account AND l.currency = a.currency) AS lines_minor \
         FROM payment_accounts a WHERE a.account > ? OR (a.account = ? AND a.currency > ?) \
         GROUP BY a.account, a.currency ORDER BY a.account, a.currency LIMIT ?",
        values![account, account, currency, count],
    );
    store.all(query).await
}

/// Sets a balance to what its lines come to, when it is still what was read.
pub(crate) fn mend_balance(commit: Commit, row: &AccountRow) -> Commit {
    let difference = row.lines_minor - row.balance_minor;
    let key = (row.account.clone(), row.currency.clone(), 0);
    move_balances(commit, &BTreeMap::from([(key, difference)]))
}

row! {
    /// An entry of the ledger.
    #[derive(Clone, Debug)]
    pub(crate) struct EntryRow {
        pub(crate) id: i64 = "id",
        pub(crate) kind: String = "kind",
        pub(crate) order: i64 = "order_id",
        pub(crate) booked_at: Timestamp = "booked_at",
    }
}

/// Entries of an order, or of all with 0, before this one, newest first.
pub(crate) async fn entries(store: &Store, order: i64, before: i64, count: i64) -> Result<Vec<EntryRow>, StoreError> {
    let query = if order == 0 {
        Statement::new("SELECT * FROM payment_entries WHERE id < ? ORDER BY id DESC LIMIT ?", values![before, count])
    } else {
        Statement::new(
            "SELECT * FROM payment_entries WHERE order_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
            values![order, before, count],
        )
    };
    store.all(query).await
}

row! {
    /// A line of an entry.
    #[derive(Clone, Debug)]
    pub(crate) struct LineRow {
        pub(crate) entry: i64 = "entry_id",
        pub(crate) account: String = "account",
        pub(crate) currency: String = "currency",
        pub(crate) amount_minor: i64 = "amount_minor",
    }
}

/// The lines of these entries.
pub(crate) async fn lines_of(store: &Store, entries: &[EntryRow]) -> Result<Vec<LineRow>, StoreError> {
    let ids = entries.iter().map(|entry| entry.id);
    let query = Statement::listing(
        "SELECT * FROM payment_lines WHERE entry_id IN (??) ORDER BY entry_id, line_number",
        ids,
        values![],
    );
    store.all(query).await
}
