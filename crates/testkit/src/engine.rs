//! Database engines of tests.

use std::sync::Arc;

use crate::servers::{self, Mariadb, Postgres};

/// Database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in a file of the data folder.
    Sqlite,
    /// PostgreSQL: a separate database per test on the server of this process.
    Postgres,
    /// MariaDB: a separate database per test on the server of this process.
    MariaDb,
}

/// Empty database. Its server runs at least until this is dropped.
#[derive(Debug)]
pub(crate) struct Fresh {
    /// URL of the database; empty for the file in the data folder.
    pub(crate) url: String,
    _server: Server,
}

#[derive(Debug)]
enum Server {
    None,
    Postgres { _alive: Arc<Postgres> },
    Mariadb { _alive: Arc<Mariadb> },
}

impl Engine {
    /// Creates a database for one test. `fill` creates the tables in a template database, which PostgreSQL copies.
    ///
    /// # Panics
    /// If the server is not installed or does not start.
    pub(crate) async fn fresh(self, fill: impl AsyncFnOnce(String)) -> Fresh {
        let (url, server) = match self {
            Self::Sqlite => {
                crate::record::engine("SQLite");
                (Ok(String::new()), Server::None)
            }
            Self::Postgres => {
                let server = servers::postgres().expect("PostgreSQL starts");
                (server.copied_database(fill).await, Server::Postgres { _alive: server })
            }
            Self::MariaDb => {
                let server = servers::mariadb().expect("MariaDB starts");
                (server.fresh_database(), Server::Mariadb { _alive: server })
            }
        };
        Fresh { url: url.expect("the server makes a database"), _server: server }
    }
}
