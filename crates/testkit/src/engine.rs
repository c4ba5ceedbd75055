//! The databases that a node runs on in tests.

use std::sync::Arc;

use crate::servers::{self, Mariadb, Postgres};

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite in a file of the data folder.
    Sqlite,
    /// A database of its own on the PostgreSQL of this process.
    Postgres,
    /// A database of its own on the MariaDB of this process.
    MariaDb,
}

/// A fresh database; the server lives as long as this does.
#[derive(Debug)]
pub(crate) struct Fresh {
    /// Empty for the file in the data folder.
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
    /// A database for one test. `fill` makes the tables in the one that others may be copies of.
    ///
    /// # Panics
    /// When the server is not installed or does not start.
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
