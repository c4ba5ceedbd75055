//! A server that goes away is unavailable: a clear answer within the time that was asked for, and nothing hangs.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::{Clock, Cx, Error, IdGenerator};
use pulse_store::{Commit, Database, Options, Statement, Store, StoreError, values};
use pulse_testkit::servers::{Mariadb, Postgres};

#[tokio::test]
async fn postgres_goes_away() {
    let server = Postgres::start().unwrap();
    let url = server.fresh_database().unwrap();
    goes_away(&url, server).await;
}

#[tokio::test]
async fn mariadb_goes_away() {
    let server = Mariadb::start().unwrap();
    let url = server.fresh_database().unwrap();
    goes_away(&url, server).await;
}

async fn goes_away<Server>(url: &str, server: Server) {
    let options = Options { busy_timeout: Duration::from_secs(1), connections_max: 2, ..Options::default() };
    let database =
        Database::open(url, Options { busy_timeout: Duration::from_secs(20), ..options.clone() }).await.unwrap();
    let clock = Clock::system();
    Store::migrate(&database, "o", &[], clock.now()).await.unwrap();
    let database = Database::open(url, options).await.unwrap();
    let store = Store::open(&database, "o", &[], clock.clone(), Arc::new(IdGenerator::new(0))).await.unwrap();
    drop(server);
    let read = store.all::<(i64,)>(Statement::new("SELECT COUNT(*) FROM o_timers", values![])).await;
    assert!(matches!(read, Err(StoreError::Unavailable { is_outcome_unknown: false, .. })), "{read:?}");
    let commit = Commit::new().inbox("o.nobody", 1);
    let written = store.commit(&Cx::system("test", clock.now()), commit).await.unwrap_err();
    assert!(matches!(written, StoreError::Unavailable { is_outcome_unknown: false, .. }), "{written:?}");
    let error = Error::from(written);
    assert_eq!((error.code(), error.retry_after()), ("STORE_UNAVAILABLE", Some(Duration::from_secs(1))));
    assert!(Database::open(url, Options { busy_timeout: Duration::from_secs(1), ..Options::default() }).await.is_err());
}
