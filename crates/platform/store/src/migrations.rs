//! Migrations: scripts in the binary that the first node applies, each once and in order.
//!
//! A migration that was applied is never edited: its checksum is stored and compared.

use std::collections::BTreeMap;
use std::time::Duration;

use pulse_kernel::Timestamp;
use tokio::time::Instant;

use crate::sql::dialect::{Dialect, statements};
use crate::sql::{FromRow, Statement};
use crate::transaction::{Refusal, Step, Transaction};
use crate::{Database, StoreError, values};

/// A script that changes the tables of a context. Migrations are added, never edited.
///
/// Statements end with `;`, comments begin with `--`. Column types: BIGINT, VARCHAR(n), and `{text}`, `{bytes}`,
/// `{real}` for types that engines name differently, `{id}` for a numeric primary key. `{clustered}` after the closing
/// parenthesis stores a table in the order of its primary key. Text is compared byte by byte on every engine.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Version, counted from 1 without gaps.
    pub version: i64,
    /// Short description.
    pub name: &'static str,
    /// Statements of the migration.
    pub sql: &'static str,
}

/// Owner of a migration. Those of the store are applied before those of the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Store,
    Context,
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Context => "context",
        }
    }
}

/// A row of the table of migrations.
struct Applied {
    checksum: i64,
    /// Number of executed statements: all of them, except on engines where each schema change commits on its own.
    statements_done: i64,
}

/// A migration that is not fully applied.
struct Pending {
    part: Part,
    migration: Migration,
    statements: Vec<String>,
    statements_done: usize,
    /// Whether a node started to apply it and did not finish.
    is_started: bool,
}

/// Maximum time to wait for the migration of another node; a wait for a lock ends earlier.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Pause between two checks whether another node has finished its migration.
const WAIT_PAUSE: Duration = Duration::from_millis(500);

/// Applies the missing migrations and returns their number.
pub(crate) async fn apply(
    database: &Database,
    context: &'static str,
    migrations: &'static [Migration],
    now: Timestamp,
) -> Result<usize, StoreError> {
    assert_context(context);
    create_table(database, context).await?;
    let mut count = 0;
    let mut wait_until = Instant::now() + WAIT_MAX;
    while let Some(pending) = next_pending(database, context, migrations).await? {
        let steps = steps_of(&pending, context, now, database.dialect());
        match database.migrate(&format!("pulse_migrate_{context}"), steps, pending.is_started).await {
            Ok(()) => count += 1,
            // Another node applied it at the same time.
            Err(StoreError::AlreadyDone) => {}
            // Another node is applying it.
            Err(StoreError::Conflict) if Instant::now() < wait_until => {
                tokio::time::sleep(WAIT_PAUSE).await;
                continue;
            }
            Err(StoreError::Conflict) => return Err(locked_for_too_long(context, &pending)),
            Err(error) => return Err(error),
        }
        wait_until = Instant::now() + WAIT_MAX;
        tracing::info!(
            context,
            version = pending.migration.version,
            name = pending.migration.name,
            "migration applied"
        );
    }
    Ok(count)
}

fn locked_for_too_long(context: &str, pending: &Pending) -> StoreError {
    StoreError::Migration(format!(
        "{} migration {} ({}) of {context} has been locked by another node for longer than {WAIT_MAX:?}",
        pending.part.as_str(),
        pending.migration.version,
        pending.migration.name
    ))
}

/// Rejects tables that are behind.
pub(crate) async fn check(
    database: &Database,
    context: &'static str,
    migrations: &'static [Migration],
) -> Result<(), StoreError> {
    assert_context(context);
    match next_pending(database, context, migrations).await {
        // The table of migrations is missing, and this function must not create it.
        Err(StoreError::Defect { .. }) => {
            Err(StoreError::Migration(format!("the tables of {context} are missing; run `pulse migrate`")))
        }
        Err(error) => Err(error),
        Ok(None) => Ok(()),
        Ok(Some(pending)) => Err(StoreError::Migration(format!(
            "the tables of {context} are behind: {} migration {} ({}) is not applied; run `pulse migrate`",
            pending.part.as_str(),
            pending.migration.version,
            pending.migration.name
        ))),
    }
}

fn assert_context(context: &str) {
    let is_lower_case = context.bytes().all(|byte| byte.is_ascii_lowercase());
    assert!(is_lower_case && (1..=20).contains(&context.len()), "{context:?} must be 1 to 20 lower-case letters");
}

async fn create_table(database: &Database, context: &str) -> Result<(), StoreError> {
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS {context}_migrations (part VARCHAR(8) NOT NULL, version BIGINT NOT NULL, \
         name VARCHAR(128) NOT NULL, checksum BIGINT NOT NULL, statements_done BIGINT NOT NULL, \
         applied_at BIGINT NOT NULL, PRIMARY KEY (part, version))"
    );
    let step = Step::new(database.dialect().migration(&sql), Vec::new());
    let first = database.execute(Transaction { steps: vec![step.clone()] }).await;
    match first {
        Ok(()) => Ok(()),
        // On PostgreSQL two nodes may race to create the table. The second attempt finds it.
        Err(StoreError::Defect { .. }) => database.execute(Transaction { steps: vec![step] }).await,
        Err(error) => Err(error),
    }
}

async fn next_pending(
    database: &Database,
    context: &str,
    migrations: &'static [Migration],
) -> Result<Option<Pending>, StoreError> {
    let applied = applied(database, context).await?;
    let own = OWN.iter().map(|migration| (Part::Store, migration));
    for (part, migration) in own.chain(migrations.iter().map(|migration| (Part::Context, migration))) {
        let statements = script(migration, part, context, database.dialect());
        let known = applied.get(&(part.as_str().to_owned(), migration.version));
        let statements_done = match known {
            None => 0,
            Some(known) if known.checksum != checksum(migration.sql) => {
                return Err(StoreError::Migration(format!(
                    "{} migration {} ({}) of {context} was edited after it was applied; add a new one instead",
                    part.as_str(),
                    migration.version,
                    migration.name
                )));
            }
            Some(known) => usize::try_from(known.statements_done).unwrap_or(usize::MAX),
        };
        if statements_done < statements.len() {
            let is_started = known.is_some();
            return Ok(Some(Pending { part, migration: *migration, statements, statements_done, is_started }));
        }
    }
    Ok(None)
}

async fn applied(database: &Database, context: &str) -> Result<BTreeMap<(String, i64), Applied>, StoreError> {
    let text = format!("SELECT part, version, checksum, statements_done FROM {context}_migrations");
    let rows = database.query(Statement::composed(text, values![])).await?;
    rows.iter()
        .map(|row| {
            let (part, version, checksum, statements_done) = FromRow::from_row(row)?;
            Ok(((part, version), Applied { checksum, statements_done }))
        })
        .collect()
}

/// The statements of a migration in the dialect of the engine.
fn script(migration: &Migration, part: Part, context: &str, dialect: Dialect) -> Vec<String> {
    statements(migration.sql)
        .into_iter()
        .filter_map(|statement| only_for(statement, dialect))
        .map(|statement| match part {
            Part::Store => dialect.migration(&statement.replace('#', context)),
            Part::Context => dialect.migration(&statement),
        })
        .collect()
}

/// Drops statements for other engines: `{sqlite} ...` is for SQLite, `{server} ...` for the others.
fn only_for(statement: String, dialect: Dialect) -> Option<String> {
    let is_sqlite = dialect == Dialect::Sqlite;
    if let Some(rest) = statement.strip_prefix("{sqlite}") {
        return is_sqlite.then(|| rest.to_owned());
    }
    if let Some(rest) = statement.strip_prefix("{server}") {
        return (!is_sqlite).then(|| rest.to_owned());
    }
    Some(statement)
}

/// The steps of a migration. The first one writes its row, so that a second node waits for this one.
///
/// On engines where each schema change commits on its own, the progress is written after each, so that the migration can
/// be resumed.
fn steps_of(pending: &Pending, context: &str, now: Timestamp, dialect: Dialect) -> Vec<Step> {
    let commits_by_itself = matches!(dialect, Dialect::Mysql { .. });
    let (part, migration) = (pending.part.as_str(), pending.migration);
    let count = |statements: usize| i64::try_from(statements).unwrap_or(i64::MAX);
    let note = |done: i64| {
        let text = format!(
            "INSERT INTO {context}_migrations (part, version, name, checksum, statements_done, applied_at) \
             VALUES (?, ?, ?, ?, ?, ?)"
        );
        Step::new(text, values![part, migration.version, migration.name, checksum(migration.sql), done, now])
            .on_duplicate(Refusal::AlreadyDone)
    };
    let progress = |from: i64, to: i64| {
        let text = format!(
            "UPDATE {context}_migrations SET statements_done = ? WHERE part = ? AND version = ? AND statements_done = ?"
        );
        Step::new(text, values![to, part, migration.version, from]).expecting(1, Refusal::AlreadyDone)
    };
    let mut steps = vec![match pending.statements_done {
        0 if pending.is_started => progress(0, 0),
        0 if commits_by_itself => note(0),
        0 => note(count(pending.statements.len())),
        done => progress(count(done), count(done)),
    }];
    for (index, statement) in pending.statements.iter().enumerate().skip(pending.statements_done) {
        steps.push(Step::new(statement.clone(), Vec::new()));
        if commits_by_itself {
            steps.push(progress(count(index), count(index + 1)));
        }
    }
    steps
}

/// FNV-1a over the script with normalized white space, to detect edits.
fn checksum(script: &str) -> i64 {
    let words = script.split_whitespace().flat_map(|word| word.bytes().chain([b' ']));
    let hash =
        words.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    i64::from_ne_bytes(hash.to_ne_bytes())
}

/// The tables of the store in every context; `#` is the name of the context.
const OWN: &[Migration] = &[Migration { version: 1, name: "outbox, inbox, timers, answers, leases", sql: OWN_1 }];

const OWN_1: &str = "
-- On SQLite the row ID is the order. On the other engines `seq` is assigned after the commit.
{sqlite} CREATE TABLE #_outbox (seq {identity}, id BIGINT NOT NULL, topic VARCHAR(128) NOT NULL,
    entity_key BIGINT NOT NULL, occurred_at BIGINT NOT NULL, trace {bytes}, payload {bytes} NOT NULL);
{server} CREATE TABLE #_outbox (position {identity}, seq BIGINT, id BIGINT NOT NULL, topic VARCHAR(128) NOT NULL,
    entity_key BIGINT NOT NULL, occurred_at BIGINT NOT NULL, trace {bytes}, payload {bytes} NOT NULL);
{server} CREATE UNIQUE INDEX #_outbox_seq ON #_outbox (seq);
{server} CREATE TABLE #_counters (name VARCHAR(64) NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
-- May be executed twice on engines where each statement commits on its own.
{server} INSERT INTO #_counters (name, value) SELECT 'outbox', 0 FROM (SELECT 1 AS one) AS single
    WHERE NOT EXISTS (SELECT 1 FROM #_counters WHERE name = 'outbox');
CREATE TABLE #_inbox (consumer VARCHAR(64) NOT NULL, event_id BIGINT NOT NULL, consumed_at BIGINT NOT NULL,
    PRIMARY KEY (consumer, event_id)) {clustered};
CREATE TABLE #_timers (kind VARCHAR(64) NOT NULL, timer_key BIGINT NOT NULL, id BIGINT NOT NULL,
    due_at BIGINT NOT NULL, wake_at BIGINT NOT NULL, attempts BIGINT NOT NULL, payload {bytes} NOT NULL,
    PRIMARY KEY (kind, timer_key)) {clustered};
CREATE INDEX #_timers_wake ON #_timers (wake_at);
CREATE TABLE #_answers (scope VARCHAR(255) NOT NULL, idempotency_key VARCHAR(255) NOT NULL,
    fingerprint {bytes} NOT NULL, answer {bytes} NOT NULL, created_at BIGINT NOT NULL,
    PRIMARY KEY (scope, idempotency_key)) {clustered};
CREATE INDEX #_answers_created ON #_answers (created_at);
CREATE TABLE #_leases (name VARCHAR(64) NOT NULL PRIMARY KEY, holder VARCHAR(128) NOT NULL, token BIGINT NOT NULL,
    expires_at BIGINT NOT NULL);
";
