//! The read model: list entries, counters, and the progress of the projection.

use std::collections::BTreeMap;

use pulse_contract::errors;
use pulse_contract::order::v1::OrderState;
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, OrderId, ShopId};
use pulse_store::{Commit, Insert, Statement, Store, StoreError, ToRow, Value, row, values};

/// Name of the projection in `order_progress`.
const PROGRESS: &str = "list";

/// States of an order in lists.
pub(crate) const STATES: [OrderState; 7] = [
    OrderState::AwaitingPayment,
    OrderState::Confirmed,
    OrderState::Preparing,
    OrderState::Ready,
    OrderState::Delivering,
    OrderState::Completed,
    OrderState::Cancelled,
];

row! {
    /// The list entry of an order.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct ListRow {
        pub(crate) order_id: OrderId = "order_id",
        pub(crate) customer: AccountId = "customer_id",
        pub(crate) shop: ShopId = "shop_id",
        pub(crate) state: OrderState = "state" as wire_enum,
        pub(crate) version: i64 = "version",
        pub(crate) total_minor: i64 = "total_minor",
        pub(crate) currency: String = "currency",
        pub(crate) unit_count: i32 = "unit_count",
        pub(crate) shop_name: String = "shop_name",
        pub(crate) headline: String = "headline",
        pub(crate) phone_digits: String = "phone_digits",
        pub(crate) placed_at: Timestamp = "placed_at",
    }
}

fn state(number: i32) -> OrderState {
    OrderState::try_from(number).unwrap_or(OrderState::Unspecified)
}

/// Scope of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Orders of a customer.
    Customer(AccountId),
    /// Orders of a shop.
    Shop(ShopId),
    /// All orders.
    All,
}

impl Scope {
    /// Whether the scope contains the row.
    pub(crate) fn contains(self, row: &ListRow) -> bool {
        match self {
            Self::Customer(customer) => row.customer == customer,
            Self::Shop(shop) => row.shop == shop,
            Self::All => true,
        }
    }
}

/// The newest rows of the scope with IDs below `before`. For a customer or a shop only rows in `states`; each state is read
/// by its own range of the index, so rare states are found as fast as frequent ones.
pub(crate) async fn before(
    store: &Store,
    scope: Scope,
    states: &[OrderState],
    before: OrderId,
    limit: i64,
) -> Result<Vec<ListRow>, StoreError> {
    let (column, owner): (&str, Value) = match scope {
        Scope::Customer(customer) => ("customer_id", customer.into()),
        Scope::Shop(shop) => ("shop_id", shop.into()),
        Scope::All => {
            let text = "SELECT * FROM order_list WHERE order_id < ? ORDER BY order_id DESC LIMIT ?";
            return store.all(Statement::new(text, values![before, limit])).await;
        }
    };
    let states = if states.is_empty() { &STATES[..] } else { states };
    let mut args = Vec::with_capacity(states.len() * 4 + 1);
    let mut ranges = Vec::with_capacity(states.len());
    for (index, state) in states.iter().enumerate() {
        ranges.push(format!(
            "SELECT * FROM (SELECT * FROM order_list WHERE {column} = ? AND state = ? AND order_id < ? \
             ORDER BY order_id DESC LIMIT ?) AS s{index}"
        ));
        args.extend([owner.clone(), i32::from(*state).into(), before.into(), limit.into()]);
    }
    args.push(limit.into());
    let text = format!("{} ORDER BY order_id DESC LIMIT ?", ranges.join(" UNION ALL "));
    store.all(Statement::composed(text, args)).await
}

/// The rows with these IDs, in no particular sequence.
pub(crate) async fn by_ids(store: &Store, ids: &[OrderId]) -> Result<Vec<ListRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT * FROM order_list WHERE order_id IN (??)";
    store.all(Statement::listing(text, ids.iter().copied(), values![])).await
}

/// IDs above `after`, oldest first.
pub(crate) async fn ids_after(store: &Store, after: OrderId, limit: i64) -> Result<Vec<OrderId>, StoreError> {
    let query = Statement::new(
        "SELECT order_id FROM order_list WHERE order_id > ? ORDER BY order_id LIMIT ?",
        values![after, limit],
    );
    store.all(query).await
}

/// Adds the writes that replace the rows `old` with `new`, and update the counters. A row that changed since it was read
/// makes it a conflict.
pub(crate) fn replace(commit: Commit, old: &[ListRow], new: &[ListRow]) -> Commit {
    let mut deltas: BTreeMap<(i64, i32), i64> = BTreeMap::new();
    let mut fresh = Insert::into("order_list", ListRow::COLUMNS);
    let mut commit = commit;
    for row in new {
        match old.iter().find(|old| old.order_id == row.order_id) {
            None => fresh = fresh.row(row.to_row()),
            Some(old) => {
                commit = commit.write(update(row, old.version)).expect_rows(1);
                *deltas.entry((old.shop.get(), old.state.into())).or_default() -= 1;
            }
        }
        *deltas.entry((row.shop.get(), row.state.into())).or_default() += 1;
    }
    let commit = if fresh.is_empty() { commit } else { commit.insert(fresh).duplicate_is(&errors::STORE_CONTENDED) };
    add_counts(commit, deltas)
}

/// Adds the writes that delete rows and update the counters.
pub(crate) fn remove(commit: Commit, rows: &[ListRow]) -> Commit {
    let mut deltas: BTreeMap<(i64, i32), i64> = BTreeMap::new();
    let commit = rows.iter().fold(commit, |commit, row| {
        *deltas.entry((row.shop.get(), row.state.into())).or_default() -= 1;
        let delete = Statement::new(
            "DELETE FROM order_list WHERE order_id = ? AND version = ?",
            values![row.order_id, row.version],
        );
        commit.write(delete).expect_rows(1)
    });
    add_counts(commit, deltas)
}

/// Adds the updates of the counters, sorted by key so that concurrent commits cannot deadlock.
pub(crate) fn add_counts(commit: Commit, deltas: BTreeMap<(i64, i32), i64>) -> Commit {
    let moved = deltas.into_iter().filter(|(_, delta)| *delta != 0);
    moved.fold(commit, |commit, ((shop, state), delta)| {
        let first = Insert::into("order_counts", &["shop_id", "state", "order_count"])
            .row(values![shop, state, 0_i64])
            .on_conflict_ignore(&["shop_id", "state"]);
        let add = Statement::new(
            "UPDATE order_counts SET order_count = order_count + ? WHERE shop_id = ? AND state = ?",
            values![delta, shop, state],
        );
        commit.insert(first).write(add).expect_rows(1)
    })
}

/// Updates all columns, because a rebuild corrects all of them.
fn update(row: &ListRow, version: i64) -> Statement {
    Statement::new(
        "UPDATE order_list SET customer_id = ?, shop_id = ?, state = ?, version = ?, total_minor = ?, currency = ?, \
         unit_count = ?, shop_name = ?, headline = ?, phone_digits = ?, placed_at = ? \
         WHERE order_id = ? AND version = ?",
        values![
            row.customer,
            row.shop,
            i32::from(row.state),
            row.version,
            row.total_minor,
            row.currency.as_str(),
            row.unit_count,
            row.shop_name.as_str(),
            row.headline.as_str(),
            row.phone_digits.as_str(),
            row.placed_at,
            row.order_id,
            version
        ],
    )
}

/// Number of orders of a shop in each state.
pub(crate) async fn counts_of_shop(store: &Store, shop: ShopId) -> Result<Vec<(OrderState, i64)>, StoreError> {
    let query = Statement::new(
        "SELECT state, order_count FROM order_counts WHERE shop_id = ? AND order_count > 0 ORDER BY state",
        values![shop],
    );
    counts(store, query).await
}

/// Number of orders of a customer in each state.
pub(crate) async fn counts_of_customer(
    store: &Store,
    customer: AccountId,
) -> Result<Vec<(OrderState, i64)>, StoreError> {
    let query = Statement::new(
        "SELECT state, COUNT(*) FROM order_list WHERE customer_id = ? GROUP BY state ORDER BY state",
        values![customer],
    );
    counts(store, query).await
}

async fn counts(store: &Store, query: Statement) -> Result<Vec<(OrderState, i64)>, StoreError> {
    let rows: Vec<(i32, i64)> = store.all(query).await?;
    Ok(rows.into_iter().map(|(number, count)| (state(number), count)).collect())
}

/// Counters of the shops above `after` that differ from the list: shop, state, number of rows, counter.
pub(crate) async fn count_differences(
    store: &Store,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, i32, i64, i64)>, StoreError> {
    let query = Statement::new(
        "SELECT shop_id, state, row_count, order_count FROM (\
         SELECT c.shop_id AS shop_id, c.state AS state, c.order_count AS order_count, \
         (SELECT COUNT(*) FROM order_list l WHERE l.shop_id = c.shop_id AND l.state = c.state) AS row_count \
         FROM order_counts c WHERE c.shop_id > ?) AS both_counts \
         WHERE row_count <> order_count ORDER BY shop_id, state LIMIT ?",
        values![after, limit],
    );
    store.all(query).await
}

/// Sequence number and time of the last projected event. `None` before the first one.
pub(crate) async fn progress(store: &Store) -> Result<Option<(i64, Timestamp)>, StoreError> {
    let query = Statement::new("SELECT seq, occurred_at FROM order_progress WHERE name = ?", values![PROGRESS]);
    store.optional(query).await
}

/// Adds the writes that record the progress of the projection, which never decreases.
pub(crate) fn advance(commit: Commit, seq: i64, occurred_at: Timestamp) -> Commit {
    let first = Insert::into("order_progress", &["name", "seq", "occurred_at"])
        .row(values![PROGRESS, 0_i64, Timestamp::EPOCH])
        .on_conflict_ignore(&["name"]);
    let advance = Statement::new(
        "UPDATE order_progress SET seq = ?, occurred_at = ? WHERE name = ? AND seq < ?",
        values![seq, occurred_at, PROGRESS, seq],
    );
    commit.insert(first).write(advance)
}
