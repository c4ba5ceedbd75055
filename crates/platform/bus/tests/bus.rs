//! The bus on every engine.

#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

#[macro_use]
mod contract;

use pulse_store::{Database, Options};
use pulse_testkit::servers;

async fn in_memory() -> (Database, ()) {
    (Database::open("sqlite::memory:", Options::default()).await.unwrap(), ())
}

async fn on_file() -> (Database, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("bus.db").display());
    (Database::open(&url, Options::default()).await.unwrap(), folder)
}

bus_contract!(sqlite_memory(), crate::in_memory());
bus_contract!(sqlite_file(), crate::on_file());
bus_contract!(threads(flavor = "multi_thread", worker_threads = 4), crate::in_memory());

async fn on_postgres() -> (Database, std::sync::Arc<servers::Postgres>) {
    let server = servers::postgres().unwrap();
    let url = server.fresh_database().unwrap();
    (Database::open(&url, Options::default()).await.unwrap(), server)
}

async fn on_mariadb() -> (Database, std::sync::Arc<servers::Mariadb>) {
    let server = servers::mariadb().unwrap();
    let url = server.fresh_database().unwrap();
    (Database::open(&url, Options::default()).await.unwrap(), server)
}

bus_contract!(postgres(), crate::on_postgres());
bus_contract!(mariadb(), crate::on_mariadb());
