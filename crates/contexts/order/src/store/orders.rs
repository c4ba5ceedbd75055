//! Orders: the active ones and the archive.

use std::collections::{BTreeSet, HashMap};

use pulse_contract::errors;
use pulse_contract::order::v1::{Order, OrderState, PaymentState, StoredOrder};
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, OrderId, ShopId};
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, Value, values};

use crate::domain::ids::PreOrderId;

/// Schema version of new rows. A new version keeps the reader and the fixture of every older one.
pub(crate) const SCHEMA: i32 = 1;

/// An order.
#[derive(Clone, Debug)]
pub(crate) struct OrderRow {
    pub(crate) id: OrderId,
    pub(crate) shop: ShopId,
    pub(crate) customer: AccountId,
    /// Draft from which the order was placed.
    pub(crate) pre_order_id: Option<PreOrderId>,
    pub(crate) state: OrderState,
    pub(crate) payment_state: PaymentState,
    pub(crate) version: i64,
    pub(crate) placed_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) stored: StoredOrder,
    pub(crate) is_archived: bool,
}

impl OrderRow {
    /// The order as a message, as it is stored.
    pub(crate) fn order(&self) -> Order {
        self.stored.order.clone().unwrap_or_default()
    }
}

const COLUMNS: [&str; 10] = [
    "id",
    "shop_id",
    "customer_id",
    "pre_order_id",
    "state",
    "payment_state",
    "version",
    "placed_at",
    "updated_at",
    "body",
];

impl FromRow for OrderRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get("id")?,
            shop: row.get("shop_id")?,
            customer: row.get("customer_id")?,
            pre_order_id: row.get("pre_order_id")?,
            state: row.wire_enum("state")?,
            payment_state: row.wire_enum("payment_state")?,
            version: row.get("version")?,
            placed_at: row.get("placed_at")?,
            updated_at: row.get("updated_at")?,
            stored: known(row.message("body")?)?,
            is_archived: false,
        })
    }
}

/// The stored order, if its schema is known. A schema of a newer version of Pulse is an error.
fn known(stored: StoredOrder) -> Result<StoredOrder, StoreError> {
    match stored.schema {
        SCHEMA => Ok(stored),
        schema => Err(StoreError::Defect {
            detail: format!("an order is stored in schema {schema}, which this version does not know").into(),
            source: None,
        }),
    }
}

/// The order with this ID, also from the archive.
pub(crate) async fn by_id(store: &Store, id: OrderId) -> Result<Option<OrderRow>, StoreError> {
    let query = Statement::new("SELECT * FROM order_orders WHERE id = ?", values![id]);
    if let Some(row) = store.optional(query).await? {
        return Ok(Some(row));
    }
    // In this sequence, because an order moves only from the first table to the second.
    let query = Statement::new("SELECT * FROM order_archive WHERE id = ?", values![id]);
    let archived: Option<OrderRow> = store.optional(query).await?;
    Ok(archived.map(|row| OrderRow { is_archived: true, ..row }))
}

/// The orders with these IDs, also from the archive, in no particular sequence.
pub(crate) async fn by_ids(store: &Store, ids: &[OrderId]) -> Result<Vec<OrderRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = Statement::listing("SELECT * FROM order_orders WHERE id IN (??)", ids.iter().copied(), values![]);
    let mut rows: Vec<OrderRow> = store.all(query).await?;
    if rows.len() == ids.len() {
        return Ok(rows);
    }
    let found: BTreeSet<OrderId> = rows.iter().map(|row| row.id).collect();
    let missing = ids.iter().copied().filter(|id| !found.contains(id));
    let query = Statement::listing("SELECT * FROM order_archive WHERE id IN (??)", missing, values![]);
    let archived: Vec<OrderRow> = store.all(query).await?;
    rows.extend(archived.into_iter().map(|row| OrderRow { is_archived: true, ..row }));
    Ok(rows)
}

/// Customers of the orders with these IDs, also from the archive. IDs without an order are omitted.
pub(crate) async fn customers(store: &Store, ids: &[OrderId]) -> Result<HashMap<OrderId, AccountId>, StoreError> {
    const ACTIVE: &str = "SELECT id, customer_id FROM order_orders WHERE id IN (??)";
    const ARCHIVED: &str = "SELECT id, customer_id FROM order_archive WHERE id IN (??)";
    let mut found = HashMap::new();
    // In this sequence, because an order moves only from the first table to the second.
    for text in [ACTIVE, ARCHIVED] {
        let query = Statement::listing(text, ids.iter().copied(), values![]);
        found.extend(store.all::<(OrderId, AccountId)>(query).await?);
    }
    Ok(found)
}

/// The order that was placed from a draft.
pub(crate) async fn by_pre_order(store: &Store, pre_order_id: PreOrderId) -> Result<Option<OrderRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM order_orders WHERE pre_order_id = ?", values![pre_order_id])).await
}

/// Active orders with IDs above `after`, up to `until`, oldest first.
pub(crate) async fn page(store: &Store, after: i64, until: i64, limit: i64) -> Result<Vec<OrderRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM order_orders WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
        values![after, until, limit],
    );
    store.all(query).await
}

/// Archived orders with IDs above `after`, oldest first.
pub(crate) async fn archived_page(store: &Store, after: i64, limit: i64) -> Result<Vec<OrderRow>, StoreError> {
    let query = Statement::new("SELECT * FROM order_archive WHERE id > ? ORDER BY id LIMIT ?", values![after, limit]);
    let rows: Vec<OrderRow> = store.all(query).await?;
    Ok(rows.into_iter().map(|row| OrderRow { is_archived: true, ..row }).collect())
}

/// Adds the insert of an order. If its draft was placed before, the commit is refused.
pub(crate) fn insert(commit: Commit, row: &OrderRow) -> Commit {
    let commit = commit.insert(rows("order_orders", [row]));
    match row.pre_order_id {
        Some(_) => commit.duplicate_is(&errors::STORE_CONTENDED),
        None => commit,
    }
}

/// Adds the inserts of orders whose IDs the caller has chosen. If one of them exists, the commit is refused.
pub(crate) fn insert_many(commit: Commit, new: &[OrderRow]) -> Commit {
    commit.insert(rows("order_orders", new)).duplicate_is(&errors::STORE_CONTENDED)
}

fn rows<'a>(table: &'static str, rows: impl IntoIterator<Item = &'a OrderRow>) -> Insert {
    rows.into_iter().fold(Insert::into(table, &COLUMNS), |insert, row| {
        insert.row(values![
            row.id,
            row.shop,
            row.customer,
            row.pre_order_id,
            i32::from(row.state),
            i32::from(row.payment_state),
            row.version,
            row.placed_at,
            row.updated_at,
            Value::message(&row.stored)
        ])
    })
}

/// Adds the update of an order that was read with the version before. A concurrent change makes it a conflict.
pub(crate) fn update(commit: Commit, row: &OrderRow) -> Commit {
    const ACTIVE: &str = "UPDATE order_orders SET state = ?, payment_state = ?, version = ?, updated_at = ?, body = ? \
                          WHERE id = ? AND version = ?";
    const ARCHIVED: &str = "UPDATE order_archive SET state = ?, payment_state = ?, version = ?, updated_at = ?, \
                            body = ? WHERE id = ? AND version = ?";
    let text = if row.is_archived { ARCHIVED } else { ACTIVE };
    let args = values![
        i32::from(row.state),
        i32::from(row.payment_state),
        row.version,
        row.updated_at,
        Value::message(&row.stored),
        row.id,
        row.version - 1
    ];
    commit.write(Statement::new(text, args)).expect_rows(1)
}

/// Adds the writes that move an order to the archive. A change since it was read makes it a conflict.
pub(crate) fn archive(commit: Commit, row: &OrderRow) -> Commit {
    let delete = Statement::new("DELETE FROM order_orders WHERE id = ? AND version = ?", values![row.id, row.version]);
    commit.write(delete).expect_rows(1).insert(rows("order_archive", [row]))
}
