//! Sales.

use pulse_contract::sale::v1::{SaleDraft, StoredSale};
use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, ToRow, Value, row, stored_enum, values};

use crate::domain::sale_status::{SaleStatus, Window};

stored_enum! { SaleStatus { Draft = 1, Scheduled = 2, Ready = 3, Closed = 4, Settled = 5 } }

row! {
    /// A sale. Its row also contains start and end, so that queries can use them.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct SaleRow {
        pub(crate) id: i64 = "id",
        pub(crate) shop: ShopId = "shop_id",
        pub(crate) status: SaleStatus = "stage",
        pub(crate) is_paused: bool = "is_paused",
        pub(crate) version: i64 = "version",
        pub(crate) updated_at: Timestamp = "updated_at",
        pub(crate) stored: StoredSale = "body" as message,
    }
}

impl SaleRow {
    /// Returns the fields that the shop has set.
    pub(crate) fn draft(&self) -> SaleDraft {
        self.stored.sale.clone().unwrap_or_default()
    }

    /// Returns start and end.
    pub(crate) fn window(&self) -> Window {
        self.stored.sale.as_ref().map_or_else(|| window_of(&SaleDraft::default()), window_of)
    }
}

/// Returns start and end of a draft.
pub(crate) fn window_of(draft: &SaleDraft) -> Window {
    let instant = |at: Option<pulse_contract::Timestamp>| at.map_or(Timestamp::EPOCH, Timestamp::from);
    Window { starts_at: instant(draft.starts_at), ends_at: instant(draft.ends_at) }
}

pub(crate) async fn by_id(store: &Store, id: i64) -> Result<Option<SaleRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM sale_sales WHERE id = ?", values![id])).await
}

/// Returns the sales of a shop with IDs below `before`, newest first. Drafts are included if `has_drafts`.
pub(crate) async fn of_shop(
    store: &Store,
    shop: ShopId,
    (before, limit): (i64, i64),
    has_drafts: bool,
) -> Result<Vec<SaleRow>, StoreError> {
    let first = if has_drafts { SaleStatus::Draft } else { SaleStatus::Scheduled };
    let text = "SELECT * FROM sale_sales WHERE shop_id = ? AND id < ? AND stage >= ? ORDER BY id DESC LIMIT ?";
    store.all(Statement::new(text, values![shop, before, first, limit])).await
}

/// Returns the sales with a status, ordered by ID.
pub(crate) async fn in_status(
    store: &Store,
    status: SaleStatus,
    after: i64,
    limit: i64,
) -> Result<Vec<SaleRow>, StoreError> {
    let text = "SELECT * FROM sale_sales WHERE stage = ? AND id > ? ORDER BY id LIMIT ?";
    store.all(Statement::new(text, values![status, after, limit])).await
}

/// Returns the sales that were changed since an instant, latest first.
pub(crate) async fn changed_since(store: &Store, since: Timestamp, limit: i64) -> Result<Vec<SaleRow>, StoreError> {
    let text = "SELECT * FROM sale_sales WHERE updated_at >= ? ORDER BY updated_at DESC, id LIMIT ?";
    store.all(Statement::new(text, values![since, limit])).await
}

/// Adds the write that creates a sale.
pub(crate) fn insert(commit: Commit, row: &SaleRow) -> Commit {
    const COLUMNS: &[&str] =
        &["id", "shop_id", "stage", "is_paused", "version", "updated_at", "body", "starts_at", "ends_at"];
    let window = row.window();
    let values = row.to_row().into_iter().chain(values![window.starts_at, window.ends_at]);
    commit.insert(Insert::into("sale_sales", COLUMNS).row(values))
}

/// Adds the write that replaces a sale. `row` contains the next version.
pub(crate) fn update(commit: Commit, row: &SaleRow) -> Commit {
    let text = "UPDATE sale_sales SET stage = ?, is_paused = ?, starts_at = ?, ends_at = ?, version = ?, \
                updated_at = ?, body = ? WHERE id = ? AND version = ?";
    let window = row.window();
    let args = values![
        row.status,
        row.is_paused,
        window.starts_at,
        window.ends_at,
        row.version,
        row.updated_at,
        Value::message(&row.stored),
        row.id,
        row.version - 1
    ];
    commit.write(Statement::new(text, args)).expect_rows(1)
}

/// Adds the write that deletes a sale.
pub(crate) fn delete(commit: Commit, row: &SaleRow) -> Commit {
    let text = "DELETE FROM sale_sales WHERE id = ? AND version = ?";
    commit.write(Statement::new(text, values![row.id, row.version])).expect_rows(1)
}
