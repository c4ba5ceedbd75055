//! Routes that insert one row per request: what anything that is kept costs at least.

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
use pulse_store::{Commit, Insert, Migration, Store, values};
use rusqlite::Connection;

use super::town::Town;
use crate::node::Node;

const TABLES: &[Migration] = &[Migration {
    version: 1,
    name: "rows",
    sql: "CREATE TABLE bench_rows (id {id} NOT NULL PRIMARY KEY, body {bytes} NOT NULL);",
}];

/// How a row is inserted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// Through the store of the node, which flushes what waits together.
    Grouped,
    /// In a transaction with a flush of its own, by one connection.
    Alone,
}

impl Way {
    fn path(self) -> &'static str {
        match self {
            Self::Grouped => "/bench/insert",
            Self::Alone => "/bench/insert-alone",
        }
    }

    /// What people are told.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Grouped => "one plain INSERT per request, through the same store",
            Self::Alone => "one plain INSERT per request, a transaction and a flush each, one connection",
        }
    }
}

/// The tables, once the node has started.
#[derive(Clone, Default)]
pub(super) struct Rows {
    grouped: Arc<OnceLock<Store>>,
    alone: Arc<OnceLock<Alone>>,
}

struct Alone {
    connection: Mutex<Connection>,
    flush_delay: Duration,
}

impl Rows {
    /// The routes.
    pub(super) fn router(&self) -> Router {
        Router::new()
            .route(Way::Grouped.path(), post(insert_grouped))
            .route(Way::Alone.path(), post(insert_alone))
            .with_state(self.clone())
    }

    /// Makes the table in the database of orders, and one in a database of its own below `folder`.
    pub(super) async fn open(
        &self,
        node: &Node,
        ids: Arc<IdGenerator>,
        (folder, flush_delay): (&Path, Option<Duration>),
    ) -> anyhow::Result<()> {
        let orders = node.store("order").ok_or_else(|| anyhow::anyhow!("a node has orders"))?;
        let store = Store::open(orders.database(), "bench", TABLES, node.clock.clone(), ids).await?;
        let connection = Connection::open(folder.join("insert-alone.db"))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             CREATE TABLE bench_rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL);",
        )?;
        let alone = Alone { connection: connection.into(), flush_delay: flush_delay.unwrap_or_default() };
        let taken = || anyhow::anyhow!("the tables were made before");
        self.alone.set(alone).map_err(|_set| taken())?;
        self.grouped.set(store).map_err(|_set| taken())
    }
}

async fn insert_grouped(State(rows): State<Rows>, body: Bytes) -> StatusCode {
    let Some(store) = rows.grouped.get() else { return StatusCode::SERVICE_UNAVAILABLE };
    let now = store.clock().now();
    let row = Insert::into("bench_rows", &["id", "body"]).row(values![store.next_id(now), body]);
    match store.commit(&Cx::system("bench", now), Commit::new().insert(row)).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn insert_alone(State(rows): State<Rows>, body: Bytes) -> StatusCode {
    let inserted = tokio::task::spawn_blocking(move || rows.alone.get().map(|alone| alone.insert(&body)));
    match inserted.await {
        Ok(Some(Ok(()))) => StatusCode::OK,
        Ok(Some(Err(_)) | None) | Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Alone {
    fn insert(&self, body: &[u8]) -> rusqlite::Result<()> {
        let connection = self.connection.lock();
        connection.prepare_cached("INSERT INTO bench_rows (body) VALUES (?)")?.execute([body])?;
        if !self.flush_delay.is_zero() {
            std::thread::sleep(self.flush_delay);
        }
        Ok(())
    }
}

/// The size of a row: what an order of one line takes.
const ROW_BYTES: usize = 300;

/// Requests that insert a row each.
pub(super) fn requests(town: &Town, way: Way) -> Requests {
    let host = town.address.to_string();
    Requests::one(Request::post_json(&host, way.path(), vec![b'x'; ROW_BYTES]).render())
}
