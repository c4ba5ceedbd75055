//! Checks the invariants of the books and of what stands behind them, a page at a time.

use pulse_kernel::finding::FINDINGS_MAX;
use pulse_kernel::{Cx, Error, Finding, Verified};
use pulse_store::{Commit, FromRow, Row, Statement, Store, StoreError, values};

use crate::store::books;

/// How many rows are read at once.
const PAGE: i64 = 1_000;

/// An invariant that holds for each row of a table: a query that finds those rows of a page for which it does not, and
/// what is wrong with them.
struct Rule {
    invariant: &'static str,
    /// The rows, by their ids: `id > ?`, so many.
    rows: &'static str,
    /// Those with an id above the first `?` and up to the second one for which it does not hold: id, what is, what should
    /// be.
    broken: &'static str,
    subject: &'static str,
}

const RULES: [Rule; 5] = [
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
                  AND e.kind IN ('capture', 'cash') AND e.subject_id = a.id) AS found, \
                 CASE WHEN a.state = 4 THEN 1 ELSE 0 END AS expected \
                 FROM payment_attempts a WHERE a.id > ? AND a.id <= ?) counted WHERE found <> expected",
        subject: "attempt",
    },
    Rule {
        invariant: "payment.refunds_are_booked",
        rows: "SELECT id FROM payment_refunds WHERE id > ? ORDER BY id LIMIT ?",
        broken: "SELECT id, found, expected FROM (SELECT r.id AS id, \
                 (SELECT COUNT(*) FROM payment_entries e WHERE e.kind = 'refund' AND e.subject_id = r.id) \
                 - (SELECT COUNT(*) FROM payment_entries e WHERE e.kind = 'correction' AND e.subject_id = r.id) \
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
];

/// A row for which an invariant does not hold.
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

/// Checks that every entry sums to zero, that balances are what their lines come to, that what succeeded is in the books
/// once, and that no more was paid back than came in. With `repair`, balances are set to what their lines come to; what
/// else is wrong is for a person to look at.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub(crate) async fn verify(store: &Store, repair: bool) -> Result<Verified, Error> {
    let mut verified = Verified::default();
    for rule in &RULES {
        check_rule(store, rule, &mut verified).await?;
    }
    check_balances(store, repair, &mut verified).await?;
    Ok(verified)
}

async fn check_rule(store: &Store, rule: &Rule, verified: &mut Verified) -> Result<(), Error> {
    let (mut after, mut count) = (0_i64, 0_u64);
    let mut findings = Vec::new();
    loop {
        let ids: Vec<(i64,)> = store.all(Statement::new(rule.rows, values![after, PAGE])).await?;
        let Some((last,)) = ids.last().copied() else { break };
        count += u64::try_from(ids.len()).unwrap_or(0);
        let broken: Vec<Broken> = store.all(Statement::new(rule.broken, values![after, last])).await?;
        findings.extend(broken.into_iter().map(|row| Finding {
            invariant: rule.invariant,
            subject: format!("{} {}", rule.subject, row.id),
            detail: format!("{} instead of {}", row.found, row.expected),
            is_repaired: false,
        }));
        findings.truncate(FINDINGS_MAX);
        after = last;
    }
    verified.checked.push((rule.invariant, count));
    verified.findings.append(&mut findings);
    Ok(())
}

/// What one invariant is called that looks at accounts, and not at rows.
const BALANCES: &str = "payment.balances_are_sums_of_lines";

async fn check_balances(store: &Store, repair: bool, verified: &mut Verified) -> Result<(), Error> {
    let (mut account, mut currency, mut count) = (String::new(), String::new(), 0_u64);
    let mut findings = Vec::new();
    loop {
        let rows = books::accounts_with_lines(store, (&account, &currency), PAGE).await?;
        let Some(last) = rows.last() else { break };
        (account, currency) = (last.account.clone(), last.currency.clone());
        count += u64::try_from(rows.len()).unwrap_or(0);
        for row in rows.iter().filter(|row| row.balance_minor != row.lines_minor) {
            if repair {
                let cx = Cx::system("payment.verify", store.clock().now());
                store.commit(&cx, books::mend_balance(Commit::new(), row)).await?;
            }
            findings.push(Finding {
                invariant: BALANCES,
                subject: format!("{} {}", row.account, row.currency),
                detail: format!("{} instead of {}", row.balance_minor, row.lines_minor),
                is_repaired: repair,
            });
        }
        findings.truncate(FINDINGS_MAX);
    }
    verified.checked.push((BALANCES, count));
    verified.findings.append(&mut findings);
    Ok(())
}
