//! Migrations: once each, in order, never edited, whoever comes first.

use std::sync::Arc;

use pulse_kernel::IdGenerator;
use pulse_store::{Commit, Database, Insert, Migration, Options, Store, StoreError, values};
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

const FIRST: &[Migration] = &[ONE];
const BOTH: &[Migration] = &[ONE, TWO];
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
    // An older node may start beside a newer one.
    open(&database, fixture, FIRST).await.unwrap();
}

pub(crate) async fn an_edited_migration_is_refused(fixture: &Fixture) {
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
    // One of ours and two of the context, each by one node.
    assert_eq!(applied, 3);
}

pub(crate) async fn tables_that_are_behind_are_refused(fixture: &Fixture) {
    let database = fixture.database().await;
    open(&database, fixture, FIRST).await.unwrap();
    let Some(url) = fixture.shared_url() else { return };
    let careful = Database::open(url, Options { migrate: false, ..Options::default() }).await.unwrap();
    open(&careful, fixture, FIRST).await.unwrap();
    let outcome = open(&careful, fixture, BOTH).await;
    assert!(matches!(&outcome, Err(StoreError::Migration(text)) if text.contains("behind")), "{outcome:?}");
}
