//! Private PostgreSQL, MariaDB, Redis and localstripe: loopback, random port, temporary folder, stopped on drop.
//!
//! Tests of one process share a server: the first test starts it, and the last dropped handle stops it. The server also
//! stops when the process ends for any reason. Each test uses a separate database.

mod child;
mod localstripe;
mod mariadb;
mod postgres;
mod redis;
mod wire;

use std::sync::{Arc, Weak};

use crate::record;

pub use self::child::Error;
pub use self::localstripe::{LocalStripe, python_with_stripe};
pub use self::mariadb::Mariadb;
pub use self::postgres::Postgres;
pub use self::redis::{Redis, RedisCluster, RedisSentinels};
pub use self::wire::Wire;

/// Returns the PostgreSQL of this process.
///
/// # Errors
/// If PostgreSQL is not installed or does not start.
pub fn postgres() -> Result<Arc<Postgres>, Error> {
    record::engine("PostgreSQL");
    static SHARED: Shared<Postgres> = Shared::new();
    SHARED.get_or_start(Postgres::start)
}

/// Returns the MariaDB of this process.
///
/// # Errors
/// If MariaDB is not installed or does not start.
pub fn mariadb() -> Result<Arc<Mariadb>, Error> {
    record::engine("MariaDB");
    static SHARED: Shared<Mariadb> = Shared::new();
    SHARED.get_or_start(Mariadb::start)
}

/// Returns the Redis of this process.
///
/// # Errors
/// If Redis is not installed or does not start.
pub fn redis() -> Result<Arc<Redis>, Error> {
    record::engine("Redis");
    static SHARED: Shared<Redis> = Shared::new();
    SHARED.get_or_start(Redis::start)
}

/// Server that runs as long as a handle exists.
struct Shared<T>(std::sync::Mutex<Weak<T>>);

impl<T> Shared<T> {
    const fn new() -> Self {
        Self(std::sync::Mutex::new(Weak::new()))
    }

    fn get_or_start(&self, start: impl FnOnce() -> Result<T, Error>) -> Result<Arc<T>, Error> {
        // After a panic during a start the value is unchanged, so a poisoned lock is usable.
        let mut shared = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Ok(server);
        }
        let server = Arc::new(start()?);
        *shared = Arc::downgrade(&server);
        Ok(server)
    }
}
