//! A route that inserts one row per request: what anything that is kept costs at least.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use pulse_bench::{Request, Requests};
use pulse_kernel::{Cx, IdGenerator};
use pulse_store::{Commit, Insert, Migration, Store, values};

use super::town::Town;
use crate::node::Node;

const PATH: &str = "/bench/insert";

const TABLES: &[Migration] = &[Migration {
    version: 1,
    name: "rows",
    sql: "CREATE TABLE bench_rows (id {id} NOT NULL PRIMARY KEY, body {bytes} NOT NULL);",
}];

/// The table, once the node has started.
#[derive(Clone, Default)]
pub(super) struct Rows(Arc<OnceLock<Store>>);

impl Rows {
    /// The route.
    pub(super) fn router(&self) -> Router {
        Router::new().route(PATH, post(insert)).with_state(self.clone())
    }

    /// Makes the table in the database of orders.
    pub(super) async fn open(&self, node: &Node, ids: Arc<IdGenerator>) -> anyhow::Result<()> {
        let orders = node.store("order").ok_or_else(|| anyhow::anyhow!("a node has orders"))?;
        let store = Store::open(orders.database(), "bench", TABLES, node.clock.clone(), ids).await?;
        self.0.set(store).map_err(|_set| anyhow::anyhow!("the table was made before"))
    }
}

async fn insert(State(rows): State<Rows>, body: Bytes) -> StatusCode {
    let Some(store) = rows.0.get() else { return StatusCode::SERVICE_UNAVAILABLE };
    let now = store.clock().now();
    let row = Insert::into("bench_rows", &["id", "body"]).row(values![store.next_id(now), body]);
    match store.commit(&Cx::system("bench", now), Commit::new().insert(row)).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The size of a row: what an order of one line takes.
const ROW_BYTES: usize = 300;

/// Requests that insert a row each.
pub(super) fn requests(town: &Town) -> Requests {
    let host = town.address.to_string();
    Requests::one(Request::post_json(&host, PATH, vec![b'x'; ROW_BYTES]).render())
}
