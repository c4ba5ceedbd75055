//! Audit of the invariants of payments and of the ledger.

use pulse_kernel::{Cx, Error, Verified};
use pulse_store::{Commit, FromRow, Row, Statement, Store, StoreError, values};
use pulse_work::{Audit, Pages};

use crate::store::ledger::{self, AccountKey, AccountRow};

/// Maximum number of rows that are read at once.
const PAGE: i64 = 1_000;

/// An invariant of each row of a table, with a query for the rows of a page that violate it.
struct Rule {
    invariant: &'static str,
    /// Query for the IDs of the next page: those above the first parameter, at most the second one.
    rows: &'static str,
    /// Query for violations among the IDs above the first parameter, up to the second one: ID, found and expected value.
    broken: &'static str,
    subject: &'static str,
}

const RULES: [Rule; 10] = [
    Rule {
        invariant: "payment.entries_sum_to_zero",
        rows: "SELECT id FROM payment_entries WHERE id > ? ORDER BY id LIMIT ?",
        broken: "SELECT e.id AS id, COALESCE(SUM(l.amount_minor), 0) AS found, 0 AS expected FROM payment_entries e \
                 LEFT JOIN payment_lines l ON l.entry_id = e.id WHERE e.id > ? AND e.id <= ? \
                 GROUP BY e.id, l.currency HAVING COUNT(l.entry_id) = 0 OR SUM(l.amount_minor) <> 0",
        subject: "entry",
    },
    Rule {
        invariant: "payment.succeeded_is_captured_once",
        rows: "SELECT id FROM payment_intents WHERE id > ? ORDER BY id LIMIT ?",
        broken: "SELECT id, found, expected FROM (SELECT i.id AS id, \
                 (SELECT COUNT(*) FROM payment_entries e WHERE e.intent_id = i.id \
                  AND e.kind IN ('capture', 'cash') AND e.subject_id = i.paid_attempt_id) AS found, \
                 CASE WHEN i.state = 3 THEN 1 ELSE 0 END AS expected \
                 FROM payment_intents i WHERE i.id > ? AND i.id <= ?) counted WHERE found <> expected",
        subject: "payment",
    },
    Rule {
        invariant: "payment.succeeded_attempts_are_captured",
        rows: "SELECT id FROM payment_attempts WHERE id > ? ORDER BY id LIMIT ?",
        broken: "SELECT id, found, expected FROM (SELECT a.id AS id, \
                 (SELECT COUNT(*) FROM payment_entries e WHERE e.intent_id = a.intent_id \
                  AND e.kind IN ('capture', 'cash', 'suspense') AND e.subject_id = a.id) AS found, \
                 CASE WHEN a.state = 4 THEN 1 ELSE 0 END AS expected \
                 FROM payment_attempts a WHERE a.id > ? AND a.id <= ?) counted WHERE found <> expected",
        subject: "attempt",
    },
    Rule {
        invariant: "payment.refunds_are_booked",
        rows: "SELECT id FROM payment_refunds WHERE id > ? ORDER BY id LIMIT ?",
        broken: "SELECT id, found, expected FROM (SELECT r.id AS id, \
                 (SELECT COUNT(*) FROM payment_entries e WHERE e.kind IN ('refund', 'suspense_refund') \
                  AND e.subject_id = r.id) \
                 - (SELECT COUNT(*) FROM payment_entries e WHERE e.kind IN ('correction', 'suspense_return') \
                  AND e.subject_id = r.id) \
                 AS found, CASE WHEN r.state = 2 AND (SELECT COUNT(*) FROM payment_attempts a \
                 WHERE a.id = r.attempt_id AND a.state = 4) = 1 THEN 1 ELSE 0 END AS expected \
                 FROM payment_refunds r WHERE r.id > ? AND r.id <= ?) counted WHERE found <> expected",
        subject: "refund",
    },
    Rule {
        invariant: "payment.refunds_within_captures",
        rows: "SELECT id FROM payment_intents WHERE id > ? ORDER BY id LIMIT ?",
        broken: "SELECT id, found, expected FROM (SELECT i.id AS id, \
                 (SELECT COALESCE(SUM(CASE WHEN e.kind = 'refund' THEN e.amount_minor ELSE 0 - e.amount_minor END), 0) \
                  FROM payment_entries e WHERE e.intent_id = i.id AND e.kind IN ('refund', 'correction')) AS found, \
                 (SELECT COALESCE(SUM(e.amount_minor), 0) FROM payment_entries e \
                  WHERE e.intent_id = i.id AND e.kind IN ('capture', 'cash')) AS expected \
                 FROM payment_intents i WHERE i.id > ? AND i.id <= ?) counted WHERE found > expected",
        subject: "payment",
    },
    Rule {
        // M3: the booked amount is the captured amount. It pays the order only if it is the required amount.
        invariant: "payment.booked_is_received",
        rows: "SELECT id FROM payment_attempts WHERE id > ? ORDER BY id LIMIT ?",
        broken: "SELECT id, found, expected FROM (SELECT a.id AS id, \
                 (SELECT COUNT(*) FROM payment_entries e JOIN payment_intents i ON i.id = e.intent_id \
                  WHERE e.subject_id = a.id AND e.kind IN ('capture', 'cash', 'suspense') \
                  AND e.amount_minor = COALESCE(a.received_minor, i.amount_minor) \
                  AND e.currency = COALESCE(a.received_currency, i.currency) \
                  AND (e.kind = 'suspense' AND (e.amount_minor <> i.amount_minor OR e.currency <> i.currency) \
                   OR e.kind <> 'suspense' AND e.amount_minor = i.amount_minor AND e.currency = i.currency)) AS found, \
                 CASE WHEN a.state = 4 THEN 1 ELSE 0 END AS expected \
                 FROM payment_attempts a WHERE a.id > ? AND a.id <= ?) counted WHERE found <> expected",
        subject: "attempt",
    },
    Rule {
        // M3: money in suspense is refunded, or its refund is pending.
        invariant: "payment.suspense_is_refunded",
        rows: "SELECT id FROM payment_attempts WHERE id > ? ORDER BY id LIMIT ?",
        broken: "SELECT id, found, expected FROM (SELECT a.id AS id, \
                 (SELECT COALESCE(SUM(e.amount_minor), 0) FROM payment_entries e \
                  WHERE e.kind = 'suspense' AND e.subject_id = a.id) AS found, \
                 (SELECT COALESCE(SUM(r.amount_minor), 0) FROM payment_refunds r \
                  WHERE r.attempt_id = a.id AND r.state IN (1, 2)) AS expected \
                 FROM payment_attempts a WHERE a.id > ? AND a.id <= ?) counted WHERE found > expected",
        subject: "suspense of attempt",
    },
    Rule {
        // M4: the provider cancelled every obsolete attempt, or the requests have not ended.
        invariant: "payment.obsolete_attempts_are_cancelled",
        rows: "SELECT id FROM payment_attempts WHERE id > ? ORDER BY id LIMIT ?",
        broken: "SELECT id, cancel_tries AS found, 0 AS expected FROM payment_attempts \
                 WHERE id > ? AND id <= ? AND state NOT IN (4, 6) AND cancel_tries >= 36",
        subject: "attempt",
    },
    Rule {
        // M7: withdrawn money of a dispute is booked once.
        invariant: "payment.withdrawn_disputes_are_booked",
        rows: "SELECT id FROM payment_disputes WHERE id > ? ORDER BY id LIMIT ?",
        broken: "SELECT id, found, expected FROM (SELECT d.id AS id, \
                 (SELECT COUNT(*) FROM payment_entries e WHERE e.kind = 'dispute' AND e.subject_id = d.id \
                  AND e.amount_minor = d.amount_minor AND e.currency = d.currency) AS found, \
                 CASE WHEN d.is_withdrawn = 1 AND (SELECT COUNT(*) FROM payment_attempts a \
                 WHERE a.id = d.attempt_id AND a.state = 4) = 1 THEN 1 ELSE 0 END AS expected \
                 FROM payment_disputes d WHERE d.id > ? AND d.id <= ?) counted WHERE found <> expected",
        subject: "dispute",
    },
    Rule {
        // M7: reinstated money of a dispute is booked once.
        invariant: "payment.reinstated_disputes_are_booked",
        rows: "SELECT id FROM payment_disputes WHERE id > ? ORDER BY id LIMIT ?",
        broken: "SELECT id, found, expected FROM (SELECT d.id AS id, \
                 (SELECT COUNT(*) FROM payment_entries e WHERE e.kind = 'reinstatement' AND e.subject_id = d.id \
                  AND e.amount_minor = d.amount_minor AND e.currency = d.currency) AS found, \
                 CASE WHEN d.is_reinstated = 1 AND (SELECT COUNT(*) FROM payment_attempts a \
                 WHERE a.id = d.attempt_id AND a.state = 4) = 1 THEN 1 ELSE 0 END AS expected \
                 FROM payment_disputes d WHERE d.id > ? AND d.id <= ?) counted WHERE found <> expected",
        subject: "dispute",
    },
];

/// A row that violates an invariant.
struct Broken {
    id: i64,
    found: i64,
    expected: i64,
}

impl FromRow for Broken {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.get("id")?, found: row.get("found")?, expected: row.get("expected")? })
    }
}

/// The balance of an account is the sum of its lines.
const BALANCES: &str = "payment.balances_are_sums_of_lines";

/// Checks that entries sum to zero, that balances are the sums of their lines, that succeeded attempts and refunds are
/// booked once, and that refunds do not exceed captures. With `repair`, balances are set to the sums of their lines; the
/// other findings need a person.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub async fn verify(store: &Store, repair: bool) -> Result<Verified, Error> {
    let mut audit = Audit::new(&[], repair);
    for rule in &RULES {
        check_rule(store, rule, &mut audit).await?;
    }
    check_balances(store, &mut audit).await?;
    Ok(audit.finish())
}

async fn check_rule(store: &Store, rule: &Rule, audit: &mut Audit) -> Result<(), Error> {
    let (mut pages, mut after) = (Pages::after(0), 0);
    let read = |after: i64| store.all::<(i64,)>(Statement::new(rule.rows, values![after, PAGE]));
    while let Some(page) = pages.next(read, |(id,)| *id).await? {
        let Some((last,)) = page.last().copied() else { break };
        let broken: Vec<Broken> = store.all(Statement::new(rule.broken, values![after, last])).await?;
        for row in broken {
            let detail = format!("{} instead of {}", row.found, row.expected);
            audit.found(rule.invariant, format!("{} {}", rule.subject, row.id), detail, false);
        }
        after = last;
    }
    audit.checked(rule.invariant, pages.row_count());
    Ok(())
}

async fn check_balances(store: &Store, audit: &mut Audit) -> Result<(), Error> {
    let mut pages = Pages::after(AccountKey::default());
    let read = |after: AccountKey| async move { ledger::accounts_with_lines(store, &after, PAGE).await };
    let key = |row: &AccountRow| AccountKey { account: row.account.clone(), currency: row.currency.clone() };
    while let Some(rows) = pages.next(read, key).await? {
        for row in rows.iter().filter(|row| row.balance_minor != row.lines_minor) {
            if audit.is_repairing() {
                let cx = Cx::system("payment.verify", store.clock().now());
                store.commit(&cx, ledger::correct_balance(Commit::new(), row)).await?;
            }
            let detail = format!("{} instead of {}", row.balance_minor, row.lines_minor);
            audit.found(BALANCES, format!("{} {}", row.account, row.currency), detail, audit.is_repairing());
        }
    }
    audit.checked(BALANCES, pages.row_count());
    Ok(())
}
