//! A server that goes away causes a clear error within the configured time; no call hangs.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Clock, Cx, Error, IdGenerator, Timestamp};
use pulse_store::{Commit, Database, NodeLease, Options, Statement, Store, StoreError, WriterStep, values};
use pulse_testkit::servers::{self, Mariadb, Postgres};
use tokio::sync::Mutex;

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

/// A client that went away during a transaction does not keep its locks forever.
#[tokio::test]
async fn idle_transactions_end() {
    let (postgres, mariadb) = (servers::postgres().unwrap(), servers::mariadb().unwrap());
    for (url, limit) in [
        (postgres.fresh_database().unwrap(), "SELECT current_setting('idle_in_transaction_session_timeout')"),
        (mariadb.fresh_database().unwrap(), "SELECT CONCAT(@@SESSION.idle_transaction_timeout, 's')"),
    ] {
        let database = Database::open(&url, Options::default()).await.unwrap();
        let store = Store::open(&database, "o", &[], Clock::system(), Arc::new(IdGenerator::new(0))).await.unwrap();
        assert_eq!(store.one::<(String,)>(Statement::new(limit, values![])).await.unwrap().0, "30s");
    }
}

/// Blocks the writer of [`a_renewal_that_hangs_ends_with_the_lease`] while it is locked.
static DISK: Mutex<()> = Mutex::const_new(());

fn wait_for_the_disk(_: WriterStep) {
    drop(DISK.blocking_lock());
}

#[tokio::test]
async fn a_renewal_that_hangs_ends_with_the_lease() {
    const TTL: Duration = Duration::from_secs(30);
    let options = Options { on_writer_step: Some(wait_for_the_disk), ..Options::default() };
    let database = Database::open("sqlite::memory:", options).await.unwrap();
    let clock = VirtualClock::starting_at(Timestamp::from_millis(1_767_225_600_000));
    let ids = Arc::new(IdGenerator::new(0));
    let store = Store::open(&database, "o", &[], Clock::Virtual(clock.clone()), ids).await.unwrap();
    let lease = NodeLease::acquire(&store, "a", TTL).await.unwrap();
    let until = clock.now().plus(TTL);
    let disk = DISK.lock().await;
    let keeper = tokio::spawn(async move { lease.keep().await });
    while clock.now() < until {
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    let ended = tokio::time::timeout(Duration::from_secs(20), keeper).await;
    drop(disk);
    let error = ended.expect("it ends with the lease").unwrap();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
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
