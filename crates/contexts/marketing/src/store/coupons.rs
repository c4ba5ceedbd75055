//! Coupons of customers.

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, stored_enum, values};

use crate::domain::coupon::{Origin, State};
use crate::domain::reservation::Standing;
use crate::domain::template::TemplateId;

/// How many coupons one origin may have given: a hundred lines of an order, 20 of each, and some.
const ORIGIN_MAX: i64 = 4_000;

/// The origin of a coupon. The same source gives one coupon, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) origin: Origin,
    /// ID of the coupon itself, of the batch of a grant, or of the order.
    pub(crate) id: i64,
    /// Account of a grant, number of a bought coupon in its order, or ID of the reward; otherwise 0.
    pub(crate) part: i64,
}

stored_enum! { State { Active = 1, Reserved = 2, Used = 3 } }
stored_enum! { Origin { Claim = 1, Grant = 2, Sale = 3, PostOrderReward = 4 } }

row! {
    /// A coupon.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct CouponRow {
        pub(crate) id: CouponId = "id",
        pub(crate) template: TemplateId = "template_id",
        pub(crate) account: AccountId = "account_id",
        /// Slot in the limit per customer, from 1. The ID of the coupon when the limit does not count it.
        pub(crate) slot: i64 = "slot",
        pub(crate) state: State = "state",
        /// Order that reserves or used the coupon. 0 for none.
        pub(crate) order: OrderId = "order_id",
        pub(crate) obtained_at: Timestamp = "obtained_at",
        pub(crate) expires_at: Timestamp = "expires_at",
        pub(crate) version: i64 = "version",
    } with {
        pub(crate) source: Source { origin = "origin", id = "origin_id", part = "origin_part" },
    }
}

impl CouponRow {
    /// What deciding about orders needs to know.
    pub(crate) fn standing(&self) -> Standing {
        Standing { coupon: self.id, account: self.account, state: self.state, order: self.order }
    }

    /// The order that it was bought or earned with; 0 otherwise.
    pub(crate) fn source_order(&self) -> i64 {
        match self.source.origin {
            Origin::Sale | Origin::PostOrderReward => self.source.id,
            Origin::Claim | Origin::Grant => 0,
        }
    }
}

/// Which coupons of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    All,
    /// In this state, those whose time is over left out when it is `Active`.
    In(State),
    /// Not used, not held, and over.
    Expired,
}

pub(crate) async fn by_id(store: &Store, id: CouponId) -> Result<Option<CouponRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM marketing_coupons WHERE id = ?", values![id])).await
}

/// Those of the coupons that exist, in the order of their ids.
pub(crate) async fn by_ids(store: &Store, ids: &[CouponId]) -> Result<Vec<CouponRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT * FROM marketing_coupons WHERE id IN (??) ORDER BY id";
    store.all(Statement::listing(text, ids.iter().copied(), values![])).await
}

/// The wallet of an account, newest first, before `before`.
pub(crate) async fn of_account(
    store: &Store,
    account: AccountId,
    shown: Shown,
    now: Timestamp,
    (before, limit): (CouponId, i64),
) -> Result<Vec<CouponRow>, StoreError> {
    let query = match shown {
        Shown::All => Statement::new(
            "SELECT * FROM marketing_coupons WHERE account_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
            values![account, before, limit],
        ),
        Shown::In(State::Active) => Statement::new(
            "SELECT * FROM marketing_coupons WHERE account_id = ? AND id < ? AND state = ? AND expires_at > ? \
             ORDER BY id DESC LIMIT ?",
            values![account, before, State::Active, now, limit],
        ),
        Shown::In(state @ (State::Reserved | State::Used)) => Statement::new(
            "SELECT * FROM marketing_coupons WHERE account_id = ? AND id < ? AND state = ? ORDER BY id DESC LIMIT ?",
            values![account, before, state, limit],
        ),
        Shown::Expired => Statement::new(
            "SELECT * FROM marketing_coupons WHERE account_id = ? AND id < ? AND state = ? AND expires_at <= ? \
             ORDER BY id DESC LIMIT ?",
            values![account, before, State::Active, now, limit],
        ),
    };
    store.all(query).await
}

/// The slots that coupons of a template take in the limit of an account.
pub(crate) async fn slots(
    store: &Store,
    template: TemplateId,
    account: AccountId,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let query = Statement::new(
        "SELECT slot FROM marketing_coupons WHERE template_id = ? AND account_id = ? AND slot <= ?",
        values![template, account, limit],
    );
    store.all(query).await
}

/// What an origin has given, in the order of its parts.
pub(crate) async fn from(store: &Store, origin: Origin, id: i64) -> Result<Vec<CouponRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM marketing_coupons WHERE origin = ? AND origin_id = ? ORDER BY origin_part LIMIT ?",
        values![origin, id, ORIGIN_MAX],
    );
    store.all(query).await
}

/// What a source has given.
pub(crate) async fn from_source(store: &Store, source: Source) -> Result<Option<CouponRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM marketing_coupons WHERE origin = ? AND origin_id = ? AND origin_part = ?",
        values![source.origin, source.id, source.part],
    );
    store.optional(query).await
}

/// Every coupon, in the order of their ids.
pub(crate) async fn page(store: &Store, after: CouponId, limit: i64) -> Result<Vec<CouponRow>, StoreError> {
    let text = "SELECT * FROM marketing_coupons WHERE id > ? ORDER BY id LIMIT ?";
    store.all(Statement::new(text, values![after, limit])).await
}

/// How many coupons of a template that were not bought lie beyond the limit of their customers.
pub(crate) async fn count_beyond(store: &Store, template: TemplateId, limit: i64) -> Result<i64, StoreError> {
    let query = Statement::new(
        "SELECT COUNT(*) FROM marketing_coupons WHERE template_id = ? AND origin <> ? AND slot > ?",
        values![template, Origin::Sale, limit],
    );
    store.one(query).await
}

/// Adds the writes that make coupons; a slot or a source that another one has taken meanwhile is a conflict.
pub(crate) fn insert<'a>(commit: Commit, rows: impl IntoIterator<Item = &'a CouponRow>) -> Commit {
    commit.insert(Insert::rows("marketing_coupons", rows)).duplicate_is(&errors::STORE_CONTENDED)
}

/// Adds the write that moves a coupon that was read as `row`; somebody else's write makes it a conflict.
pub(crate) fn change(commit: Commit, row: &CouponRow, state: State, order: OrderId) -> Commit {
    let statement = Statement::new(
        "UPDATE marketing_coupons SET state = ?, order_id = ?, version = version + 1 WHERE id = ? AND version = ?",
        values![state, order, row.id, row.version],
    );
    commit.write(statement).expect_rows(1)
}

/// Adds the write that ends the time of a coupon that was read as `row`.
pub(crate) fn end(commit: Commit, row: &CouponRow, now: Timestamp) -> Commit {
    let statement = Statement::new(
        "UPDATE marketing_coupons SET expires_at = ?, version = version + 1 WHERE id = ? AND version = ?",
        values![now, row.id, row.version],
    );
    commit.write(statement).expect_rows(1)
}
