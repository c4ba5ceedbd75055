//! Migrations: applied once, in order, never edited, by the first node.

use std::sync::Arc;

use pulse_kernel::IdGenerator;
use pulse_store::{Commit, Database, Insert, Migration, Options, Statement, Store, StoreError, values};
use tokio::task::JoinSet;

use super::{Fixture, NOW};

const ONE: Migration =
    Migration { version: 1, name: "cups", sql: "CREATE TABLE m_cups (id BIGINT NOT NULL PRIMARY KEY); -- of tea" };
const TWO: Migration = Migration {
    version: 2,
    name: "colours",
    sql: "ALTER TABLE m_cups ADD COLUMN colour VARCHAR(20); CREATE INDEX m_cups_colour ON m_cups (colour);",
};
const EDITED: Migration =
    Migration { sql: "CREATE TABLE m_cups (id BIGINT NOT NULL PRIMARY KEY, size BIGINT);", ..ONE };

const SLOW: Migration = Migration { version: 2, name: "slow", sql: "SELECT pg_sleep(7)" };

const FIRST: &[Migration] = &[ONE];
const BOTH: &[Migration] = &[ONE, TWO];
const WITH_SLOW: &[Migration] = &[ONE, SLOW];
const REWRITTEN: &[Migration] = &[EDITED, TWO];

async fn open(database: &Database, fixture: &Fixture, migrations: &'static [Migration]) -> Result<Store, StoreError> {
    Store::open(database, "m", migrations, fixture.clock(), Arc::new(IdGenerator::new(0))).await
}

pub(crate) async fn migrations_are_applied_once(fixture: &Fixture) {
    let database = fixture.database().await;
    open(&database, fixture, FIRST).await.unwrap();
    let store = open(&database, fixture, BOTH).await.unwrap();
    assert_eq!(Store::migrate(&database, "m", BOTH, NOW).await.unwrap(), 0);
    let insert = Insert::into("m_cups", &["id", "colour"]).row(values![1_i64, "blue"]);
    store.commit(&fixture.cx(), Commit::new().insert(insert)).await.unwrap();
    // A node of an older version may start next to a newer one.
    open(&database, fixture, FIRST).await.unwrap();
}

pub(crate) async fn an_edited_migration_is_rejected(fixture: &Fixture) {
    let database = fixture.database().await;
    open(&database, fixture, BOTH).await.unwrap();
    let outcome = open(&database, fixture, REWRITTEN).await;
    assert!(matches!(&outcome, Err(StoreError::Migration(text)) if text.contains("edited")), "{outcome:?}");
}

pub(crate) async fn two_nodes_migrate_at_once(fixture: &Fixture) {
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let database = fixture.database().await;
        tasks.spawn(async move { Store::migrate(&database, "m", BOTH, NOW).await });
    }
    let outcomes = tasks.join_all().await;
    let applied: usize = outcomes.into_iter().map(Result::unwrap).sum();
    // One of the store and two of the context, each applied by one node.
    assert_eq!(applied, 3);
}

pub(crate) async fn tables_that_are_behind_are_rejected(fixture: &Fixture) {
    let database = fixture.database().await;
    open(&database, fixture, FIRST).await.unwrap();
    let Some(url) = fixture.shared_url() else { return };
    let careful = Database::open(url, Options { migrate: false, ..Options::default() }).await.unwrap();
    open(&careful, fixture, FIRST).await.unwrap();
    let outcome = open(&careful, fixture, BOTH).await;
    assert!(matches!(&outcome, Err(StoreError::Migration(text)) if text.contains("behind")), "{outcome:?}");
}

/// A migration that takes longer than a lock wait does not prevent another node from starting.
pub(crate) async fn a_slow_migration_is_waited_for(fixture: &Fixture) {
    if !fixture.shared_url().is_some_and(|url| url.starts_with("postgres")) {
        return;
    }
    let nodes = [fixture.database().await, fixture.database().await];
    let migrate = |database| Store::migrate(database, "m", WITH_SLOW, NOW);
    let (one, two) = tokio::join!(migrate(&nodes[0]), migrate(&nodes[1]));
    assert_eq!(one.unwrap() + two.unwrap(), 3);
}

/// On MariaDB each statement commits on its own, so a node may die between a statement and the record of its progress.
pub(crate) async fn a_half_applied_migration_is_resumed(fixture: &Fixture) {
    if !fixture.shared_url().is_some_and(|url| url.starts_with("mysql")) {
        return;
    }
    // The inverse of each statement of the store, in order.
    let undo = [
        "DROP TABLE m_outbox",
        "DROP INDEX m_outbox_seq ON m_outbox",
        "DROP TABLE m_counters",
        "DELETE FROM m_counters",
        "DROP TABLE m_inbox",
        "DROP TABLE m_timers",
        "DROP INDEX m_timers_wake ON m_timers",
        "DROP TABLE m_answers",
        "DROP INDEX m_answers_created ON m_answers",
        "DROP TABLE m_leases",
    ];
    let database = fixture.database().await;
    let store = open(&database, fixture, &[]).await.unwrap();
    let done = "SELECT statements_done FROM m_migrations WHERE part = 'store'";
    let (count,) = store.one::<(i64,)>(Statement::new(done, values![])).await.unwrap();
    assert_eq!(usize::try_from(count).unwrap(), undo.len());
    for noted in 0..undo.len() {
        let note = Statement::new(
            "UPDATE m_migrations SET statements_done = ? WHERE part = 'store'",
            values![i64::try_from(noted).unwrap()],
        );
        // The statement after the recorded progress was executed; those after it were not.
        let commit = undo[noted + 1..]
            .iter()
            .rev()
            .fold(Commit::new(), |commit, sql| commit.write(Statement::new(sql, values![])));
        store.commit(&fixture.cx(), commit.write(note)).await.unwrap();
        let resumed = open(&database, fixture, &[]).await.unwrap();
        assert_eq!(resumed.last_event_seq().await.unwrap(), 0, "after {noted} statements");
    }
}
