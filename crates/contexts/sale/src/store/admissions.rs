//! Admissions: who has units of which sale, and how far their order has come.

use pulse_contract::sale::v1::errors;
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, values};

/// How far an admission has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AdmissionState {
    /// It waits for its order.
    Waiting,
    /// Its order is there.
    Placed,
    /// It came too late for its order.
    Late,
    /// Stock had less than the sale.
    Short,
    /// It could not be made an order of, whatever was tried.
    Dead,
    /// The order was not paid in time, or was cancelled.
    Returned,
}

impl AdmissionState {
    const ALL: [Self; 6] = [Self::Waiting, Self::Placed, Self::Late, Self::Short, Self::Dead, Self::Returned];

    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Placed => 1,
            Self::Late => 2,
            Self::Short => 3,
            Self::Dead => 4,
            Self::Returned => 5,
        }
    }

    fn of(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }

    /// Whether the buyer has the units.
    pub(crate) fn has_units(self) -> bool {
        matches!(self, Self::Waiting | Self::Placed)
    }
}

/// An admission as its row tells. When it was given, the number of the order tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AdmissionRow {
    pub(crate) sale: i64,
    pub(crate) account: i64,
    pub(crate) order: i64,
    pub(crate) units: i64,
    pub(crate) state: AdmissionState,
    pub(crate) network: i64,
    pub(crate) device: i64,
}

impl FromRow for AdmissionRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let state = AdmissionState::of(row.get("state")?);
        Ok(Self {
            sale: row.get("sale_id")?,
            account: row.get("account_id")?,
            order: row.get("order_id")?,
            units: row.get("units")?,
            state: state.ok_or_else(|| super::defect("an admission is in no known state"))?,
            network: row.get("network")?,
            device: row.get("device")?,
        })
    }
}

/// The admission of an account.
pub(crate) async fn of(store: &Store, sale: i64, account: i64) -> Result<Option<AdmissionRow>, StoreError> {
    let text = "SELECT * FROM sale_admissions WHERE sale_id = ? AND account_id = ?";
    store.optional(Statement::new(text, values![sale, account])).await
}

/// Those of some accounts that are admitted to a sale.
pub(crate) async fn of_accounts(
    store: &Store,
    sale: i64,
    accounts: impl IntoIterator<Item = i64>,
) -> Result<Vec<AdmissionRow>, StoreError> {
    let text = "SELECT * FROM sale_admissions WHERE sale_id = ? AND account_id IN (??)";
    store.all(Statement::listing(text, accounts, values![sale])).await
}

/// The admissions of a sale, in the order of accounts.
pub(crate) async fn page(store: &Store, sale: i64, after: i64, limit: i64) -> Result<Vec<AdmissionRow>, StoreError> {
    let text = "SELECT * FROM sale_admissions WHERE sale_id = ? AND account_id > ? ORDER BY account_id LIMIT ?";
    store.all(Statement::new(text, values![sale, after, limit])).await
}

/// Every admission, in the order of sales and accounts.
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
    let columns = &["sale_id", "account_id", "order_id", "units", "state", "network", "device"];
    let insert = rows.iter().fold(Insert::into("sale_admissions", columns), |insert, row| {
        insert.row(values![row.sale, row.account, row.order, row.units, row.state.number(), row.network, row.device])
    });
    commit.insert(insert).duplicate_is(&errors::SALE_TICKET_USED)
}

/// The admissions that wait for their orders, oldest first.
pub(crate) async fn waiting(store: &Store, after: i64, limit: i64) -> Result<Vec<AdmissionRow>, StoreError> {
    let text = "SELECT * FROM sale_admissions WHERE state = ? AND order_id > ? ORDER BY order_id LIMIT ?";
    store.all(Statement::new(text, values![AdmissionState::Waiting.number(), after, limit])).await
}

/// How many admissions wait for their orders, counted up to a limit.
pub(crate) async fn waiting_count(store: &Store, limit: i64) -> Result<i64, StoreError> {
    let text =
        "SELECT COUNT(*) AS waiting FROM (SELECT 1 AS one FROM sale_admissions WHERE state = ? LIMIT ?) AS counted";
    let row: Waiting = store.one(Statement::new(text, values![AdmissionState::Waiting.number(), limit])).await?;
    Ok(row.0)
}

struct Waiting(i64);

impl FromRow for Waiting {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        row.get("waiting").map(Self)
    }
}

/// How many units those have who still wait for their orders of the sale.
pub(crate) async fn waiting_units(store: &Store, sale: i64) -> Result<i64, StoreError> {
    let text = "SELECT COALESCE(SUM(units), 0) AS waiting FROM sale_admissions WHERE state = ? AND sale_id = ?";
    let row: Waiting = store.one(Statement::new(text, values![AdmissionState::Waiting.number(), sale])).await?;
    Ok(row.0)
}

/// The admission of an order whose buyer still has the units.
pub(crate) async fn with_units(store: &Store, order: i64) -> Result<Option<AdmissionRow>, StoreError> {
    let text = "SELECT * FROM sale_admissions WHERE state IN (?, ?) AND order_id = ?";
    let states = [AdmissionState::Waiting, AdmissionState::Placed].map(AdmissionState::number);
    let [waiting, placed] = states;
    store.optional(Statement::new(text, values![waiting, placed, order])).await
}

/// The write that notes that the orders of these admissions are there, unless they came back meanwhile.
pub(crate) fn place(orders: impl IntoIterator<Item = i64>) -> Statement {
    let text = "UPDATE sale_admissions SET state = ? WHERE state = ? AND order_id IN (??)";
    let states = values![AdmissionState::Placed.number(), AdmissionState::Waiting.number()];
    Statement::listing(text, orders, states)
}

/// Adds the write that moves one admission on; somebody else's write makes it a conflict.
pub(crate) fn change(commit: Commit, row: &AdmissionRow, to: AdmissionState) -> Commit {
    let text = "UPDATE sale_admissions SET state = ? WHERE sale_id = ? AND account_id = ? AND state = ?";
    let args = values![to.number(), row.sale, row.account, row.state.number()];
    commit.write(Statement::new(text, args)).expect_rows(1)
}
