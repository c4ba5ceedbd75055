//! Coupons of customers.

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_store::{Commit, Insert, Statement, Store, StoreError, row, stored_enum, values};

use crate::domain::coupon::{Origin, State};
use crate::domain::reservation::CouponSnapshot;
use crate::domain::revocation::OrderCoupon;
use crate::domain::template::TemplateId;

/// Maximum number of coupons of one origin: more than 100 lines of an order with 20 units each.
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

stored_enum! { State { Active = 1, Reserved = 2, Used = 3, Revoked = 4 } }
stored_enum! { Origin { Claim = 1, Grant = 2, Purchase = 3, PostOrderReward = 4 } }

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
        /// Whether the payment of the order that bought or earned the coupon was refunded.
        pub(crate) is_order_refunded: bool = "is_order_refunded",
        pub(crate) version: i64 = "version",
    } with {
        pub(crate) source: Source { origin = "origin", id = "origin_id", part = "origin_part" },
    }
}

impl CouponRow {
    /// The state of the coupon for decisions about orders.
    pub(crate) fn snapshot(&self) -> CouponSnapshot {
        CouponSnapshot { coupon: self.id, account: self.account, state: self.state, order: self.order }
    }

    /// The coupon for decisions about refunds.
    pub(crate) fn order_coupon(&self) -> OrderCoupon {
        OrderCoupon { state: self.state, is_order_refunded: self.is_order_refunded }
    }

    /// Order that bought or earned the coupon; 0 for none.
    pub(crate) fn source_order(&self) -> i64 {
        match self.source.origin {
            Origin::Purchase | Origin::PostOrderReward => self.source.id,
            Origin::Claim | Origin::Grant => 0,
        }
    }
}

/// Filter of the coupons of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    All,
    /// Coupons in this state; for `Active` without expired ones.
    In(State),
    /// Expired coupons that are neither used nor reserved.
    Expired,
}

pub(crate) async fn by_id(store: &Store, id: CouponId) -> Result<Option<CouponRow>, StoreError> {
    store.optional(Statement::new("SELECT * FROM marketing_coupons WHERE id = ?", values![id])).await
}

/// The coupons that exist, ordered by ID.
pub(crate) async fn by_ids(store: &Store, ids: &[CouponId]) -> Result<Vec<CouponRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT * FROM marketing_coupons WHERE id IN (??) ORDER BY id";
    store.all(Statement::listing(text, ids.iter().copied(), values![])).await
}

/// The coupons of an account, newest first, before `before`.
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
        Shown::In(state @ (State::Reserved | State::Used | State::Revoked)) => Statement::new(
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

/// The taken slots of an account in the limit of a template.
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

/// The coupons of an origin, ordered by part.
pub(crate) async fn from(store: &Store, origin: Origin, id: i64) -> Result<Vec<CouponRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM marketing_coupons WHERE origin = ? AND origin_id = ? ORDER BY origin_part LIMIT ?",
        values![origin, id, ORIGIN_MAX],
    );
    store.all(query).await
}

/// The coupon of a source.
pub(crate) async fn from_source(store: &Store, source: Source) -> Result<Option<CouponRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM marketing_coupons WHERE origin = ? AND origin_id = ? AND origin_part = ?",
        values![source.origin, source.id, source.part],
    );
    store.optional(query).await
}

/// All coupons, ordered by ID.
pub(crate) async fn page(store: &Store, after: CouponId, limit: i64) -> Result<Vec<CouponRow>, StoreError> {
    let text = "SELECT * FROM marketing_coupons WHERE id > ? ORDER BY id LIMIT ?";
    store.all(Statement::new(text, values![after, limit])).await
}

/// Number of coupons of a template, without bought ones, above the limit of their customers.
pub(crate) async fn count_beyond(store: &Store, template: TemplateId, limit: i64) -> Result<i64, StoreError> {
    let query = Statement::new(
        "SELECT COUNT(*) FROM marketing_coupons WHERE template_id = ? AND origin <> ? AND slot > ?",
        values![template, Origin::Purchase, limit],
    );
    store.one(query).await
}

/// Adds the writes of new coupons; a slot or a source that was taken meanwhile makes it a conflict.
pub(crate) fn insert<'a>(commit: Commit, rows: impl IntoIterator<Item = &'a CouponRow>) -> Commit {
    commit.insert(Insert::rows("marketing_coupons", rows)).duplicate_is(&errors::STORE_CONTENDED)
}

/// Adds the write that changes the state of a coupon; a concurrent write makes it a conflict.
pub(crate) fn change(commit: Commit, row: &CouponRow, state: State, order: OrderId) -> Commit {
    let statement = Statement::new(
        "UPDATE marketing_coupons SET state = ?, order_id = ?, version = version + 1 WHERE id = ? AND version = ?",
        values![state, order, row.id, row.version],
    );
    commit.write(statement).expect_rows(1)
}

/// Adds the write of a coupon that was refunded or restored; a concurrent write makes it a conflict.
pub(crate) fn set_refunded(commit: Commit, (row, coupon): (&CouponRow, OrderCoupon)) -> Commit {
    let statement = Statement::new(
        "UPDATE marketing_coupons SET state = ?, is_order_refunded = ?, version = version + 1 \
         WHERE id = ? AND version = ?",
        values![coupon.state, coupon.is_order_refunded, row.id, row.version],
    );
    commit.write(statement).expect_rows(1)
}

/// Adds the write that makes a coupon expire now; a concurrent write makes it a conflict.
pub(crate) fn expire(commit: Commit, row: &CouponRow, now: Timestamp) -> Commit {
    let statement = Statement::new(
        "UPDATE marketing_coupons SET expires_at = ?, version = version + 1 WHERE id = ? AND version = ?",
        values![now, row.id, row.version],
    );
    commit.write(statement).expect_rows(1)
}
