//! Admissions: the units of buyers in sales, and the state of their orders.

use pulse_contract::sale::v1::errors;
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, stored_enum, values};

/// State of an admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AdmissionState {
    /// The order is not created yet.
    Waiting,
    /// The order exists.
    Placed,
    /// Failed: the payment deadline passed before the order was created.
    Late,
    /// Failed: the stock contained fewer units than the sale.
    Short,
    /// Failed: order creation failed in all attempts.
    Dead,
    /// The order was cancelled or not paid in time; its units are returned.
    Returned,
}

stored_enum! { AdmissionState { Waiting = 0, Placed = 1, Late = 2, Short = 3, Dead = 4, Returned = 5 } }

impl AdmissionState {
    /// Returns whether the units are assigned to the buyer.
    pub(crate) fn has_units(self) -> bool {
        matches!(self, Self::Waiting | Self::Placed)
    }
}

row! {
    /// An admission. The ID of its order contains its time.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct AdmissionRow {
        pub(crate) sale: i64 = "sale_id",
        pub(crate) account: i64 = "account_id",
        pub(crate) order: i64 = "order_id",
        pub(crate) units: i64 = "units",
        pub(crate) state: AdmissionState = "state",
        pub(crate) network: i64 = "network",
        pub(crate) device: i64 = "device",
    }
}

/// Returns the admission of an account to a sale.
pub(crate) async fn of(store: &Store, sale: i64, account: i64) -> Result<Option<AdmissionRow>, StoreError> {
    let text = "SELECT * FROM sale_admissions WHERE sale_id = ? AND account_id = ?";
    store.optional(Statement::new(text, values![sale, account])).await
}

/// Returns the admissions of some accounts to a sale.
pub(crate) async fn of_accounts(
    store: &Store,
    sale: i64,
    accounts: impl IntoIterator<Item = i64>,
) -> Result<Vec<AdmissionRow>, StoreError> {
    let text = "SELECT * FROM sale_admissions WHERE sale_id = ? AND account_id IN (??)";
    store.all(Statement::listing(text, accounts, values![sale])).await
}

/// Returns the admissions of a sale, ordered by account.
pub(crate) async fn page(store: &Store, sale: i64, after: i64, limit: i64) -> Result<Vec<AdmissionRow>, StoreError> {
    let text = "SELECT * FROM sale_admissions WHERE sale_id = ? AND account_id > ? ORDER BY account_id LIMIT ?";
    store.all(Statement::new(text, values![sale, after, limit])).await
}

/// Returns the admissions of all sales, ordered by sale and account.
pub(crate) async fn all_after(
    store: &Store,
    (sale, account): (i64, i64),
    limit: i64,
) -> Result<Vec<AdmissionRow>, StoreError> {
    let text = "SELECT * FROM sale_admissions WHERE sale_id > ? OR (sale_id = ? AND account_id > ?) \
                ORDER BY sale_id, account_id LIMIT ?";
    store.all(Statement::new(text, values![sale, sale, account, limit])).await
}

/// Adds the write of new admissions. An account that was admitted before refuses the commit with `SALE_TICKET_USED`.
pub(crate) fn insert(commit: Commit, rows: &[AdmissionRow]) -> Commit {
    commit.insert(Insert::rows("sale_admissions", rows)).duplicate_is(&errors::SALE_TICKET_USED)
}

/// Returns the admissions without an order, oldest first.
pub(crate) async fn waiting(store: &Store, after: i64, limit: i64) -> Result<Vec<AdmissionRow>, StoreError> {
    let text = "SELECT * FROM sale_admissions WHERE state = ? AND order_id > ? ORDER BY order_id LIMIT ?";
    store.all(Statement::new(text, values![AdmissionState::Waiting, after, limit])).await
}

/// Counts the admissions without an order, up to a limit.
pub(crate) async fn waiting_count(store: &Store, limit: i64) -> Result<i64, StoreError> {
    let text = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM sale_admissions WHERE state = ? LIMIT ?) AS counted";
    store.one(Statement::new(text, values![AdmissionState::Waiting, limit])).await
}

/// Sums the units of the admissions of a sale without an order.
pub(crate) async fn waiting_units(store: &Store, sale: i64) -> Result<i64, StoreError> {
    let text = "SELECT COALESCE(SUM(units), 0) FROM sale_admissions WHERE state = ? AND sale_id = ?";
    store.one(Statement::new(text, values![AdmissionState::Waiting, sale])).await
}

/// Returns the admission of an order, if its units are still assigned to the buyer.
pub(crate) async fn with_units(store: &Store, order: i64) -> Result<Option<AdmissionRow>, StoreError> {
    let text = "SELECT * FROM sale_admissions WHERE state IN (?, ?) AND order_id = ?";
    store.optional(Statement::new(text, values![AdmissionState::Waiting, AdmissionState::Placed, order])).await
}

/// The write that sets admissions to placed. It skips an admission whose units were returned after it was read.
pub(crate) fn place(orders: impl IntoIterator<Item = i64>) -> Statement {
    let text = "UPDATE sale_admissions SET state = ? WHERE state = ? AND order_id IN (??)";
    let states = values![AdmissionState::Placed, AdmissionState::Waiting];
    Statement::listing(text, orders, states)
}

/// Adds the write that changes the state of one admission. A concurrent change is a conflict.
pub(crate) fn change(commit: Commit, row: &AdmissionRow, to: AdmissionState) -> Commit {
    let text = "UPDATE sale_admissions SET state = ? WHERE sale_id = ? AND account_id = ? AND state = ?";
    let args = values![to, row.sale, row.account, row.state];
    commit.write(Statement::new(text, args)).expect_rows(1)
}
