//! Routes that insert one row per request: the minimum cost of any request that stores something.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use parking_lot::Mutex;
use pulse_bench::{Request, Requests};
use pulse_kernel::{Cx, IdGenerator};
use pulse_node::Node;
use pulse_store::{Commit, Insert, Migration, Store, values};
use rusqlite::Connection;

const TABLES: &[Migration] = &[Migration {
    version: 1,
    name: "rows",
    sql: "CREATE TABLE bench_rows (id {id} NOT NULL PRIMARY KEY, body {bytes} NOT NULL);",
}];

/// How the row of a request is committed.
#[derive(Clone, Copy, Debug)]
pub(super) enum InsertMode {
    /// Through the store of the node, which groups concurrent commits into one flush.
    Grouped,
    /// In a transaction with its own flush, on one connection.
    Ungrouped,
}

impl InsertMode {
    fn path(self) -> &'static str {
        match self {
            Self::Grouped => "/bench/insert",
            Self::Ungrouped => "/bench/insert-ungrouped",
        }
    }

    /// Description of the reference in reports.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Grouped => "one plain INSERT per request, through the same store",
            Self::Ungrouped => "one plain INSERT per request, a transaction and a flush each, one connection",
        }
    }
}

/// State of the routes; the databases are opened after the node has started.
#[derive(Clone, Default)]
pub(super) struct InsertRoutes {
    grouped: Arc<OnceLock<Store>>,
    ungrouped: Arc<OnceLock<SingleConnection>>,
}

/// A SQLite database with one connection and one transaction per row.
struct SingleConnection {
    connection: Mutex<Connection>,
    flush_delay: Duration,
}

impl InsertRoutes {
    /// The routes, to be added to the pages of the node.
    pub(super) fn router(&self) -> Router {
        Router::new()
            .route(InsertMode::Grouped.path(), post(insert_grouped))
            .route(InsertMode::Ungrouped.path(), post(insert_ungrouped))
            .with_state(self.clone())
    }

    /// Creates the table in the database of orders, and one in a separate SQLite database below `folder`.
    pub(super) async fn open(
        &self,
        node: &Node,
        ids: Arc<IdGenerator>,
        (folder, flush_delay): (&Path, Option<Duration>),
    ) -> anyhow::Result<()> {
        let orders = node.store("order").ok_or_else(|| anyhow::anyhow!("a node has orders"))?;
        let store = Store::open(orders.database(), "bench", TABLES, node.clock.clone(), ids).await?;
        let connection = Connection::open(folder.join("insert-ungrouped.db"))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             CREATE TABLE bench_rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL);",
        )?;
        let single = SingleConnection { connection: connection.into(), flush_delay: flush_delay.unwrap_or_default() };
        let taken = || anyhow::anyhow!("the databases of the insert routes are already open");
        self.ungrouped.set(single).map_err(|_set| taken())?;
        self.grouped.set(store).map_err(|_set| taken())
    }
}

async fn insert_grouped(State(routes): State<InsertRoutes>, body: Bytes) -> StatusCode {
    let Some(store) = routes.grouped.get() else { return StatusCode::SERVICE_UNAVAILABLE };
    let now = store.clock().now();
    let row = Insert::into("bench_rows", &["id", "body"]).row(values![store.next_id(now), body]);
    match store.commit(&Cx::system("bench", now), Commit::new().insert(row)).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn insert_ungrouped(State(routes): State<InsertRoutes>, body: Bytes) -> StatusCode {
    let inserted = tokio::task::spawn_blocking(move || routes.ungrouped.get().map(|single| single.insert(&body)));
    match inserted.await {
        Ok(Some(Ok(()))) => StatusCode::OK,
        Ok(Some(Err(_)) | None) | Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl SingleConnection {
    fn insert(&self, body: &[u8]) -> rusqlite::Result<()> {
        let connection = self.connection.lock();
        connection.prepare_cached("INSERT INTO bench_rows (body) VALUES (?)")?.execute([body])?;
        if !self.flush_delay.is_zero() {
            std::thread::sleep(self.flush_delay);
        }
        Ok(())
    }
}

/// Size of a row in bytes: that of a stored order with one line.
const ROW_BYTES: usize = 300;

/// Requests that insert one row each into the node at this address.
pub(super) fn requests(address: SocketAddr, mode: InsertMode) -> Requests {
    let host = address.to_string();
    Requests::one(Request::post_json(&host, mode.path(), vec![b'x'; ROW_BYTES]).render())
}
