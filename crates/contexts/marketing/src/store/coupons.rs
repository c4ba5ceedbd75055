//! Coupons of customers.

use pulse_contract::errors;
use pulse_kernel::Timestamp;
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_store::{Commit, FromRow, Insert, Row, Statement, Store, StoreError, values};

use crate::domain::coupon::{Origin, State};
use crate::domain::reservation::Standing;
use crate::domain::template::TemplateId;

/// How many coupons one origin may have given: a hundred lines of an order, 20 of each, and some.
const ORIGIN_MAX: i64 = 4_000;

/// A coupon as its row tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CouponRow {
    pub(crate) id: CouponId,
    pub(crate) template: TemplateId,
    pub(crate) account: AccountId,
    /// What the limit per customer counts, from 1; the coupon's own id when it does not count it.
    pub(crate) slot: i64,
    pub(crate) source: Source,
    pub(crate) state: State,
    /// Who holds or used it; 0 for nobody.
    pub(crate) order: OrderId,
    pub(crate) obtained_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) version: i64,
}

/// What gave a coupon. The same source gives one coupon, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) origin: Origin,
    /// The coupon itself, the batch of a grant, or the order.
    pub(crate) id: i64,
    /// The account of a grant, the number of a bought coupon in its order, or the reward; 0 otherwise.
    pub(crate) part: i64,
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

impl FromRow for CouponRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: CouponId::new(row.get("id")?),
            template: TemplateId::new(row.get("template_id")?),
            account: row.get("account_id")?,
            slot: row.get("slot")?,
            source: Source {
                origin: origin_of(row.get("origin")?).ok_or_else(|| super::defect("a coupon is from nowhere"))?,
                id: row.get("origin_id")?,
                part: row.get("origin_part")?,
            },
            state: state_of(row.get("state")?).ok_or_else(|| super::defect("a coupon is in no state"))?,
            order: OrderId::new(row.get("order_id")?),
            obtained_at: row.get("obtained_at")?,
            expires_at: row.get("expires_at")?,
            version: row.get("version")?,
        })
    }
}

const fn number(state: State) -> i64 {
    match state {
        State::Active => 1,
        State::Reserved => 2,
        State::Used => 3,
    }
}

const fn state_of(number: i64) -> Option<State> {
    match number {
        1 => Some(State::Active),
        2 => Some(State::Reserved),
        3 => Some(State::Used),
        _ => None,
    }
}

const fn origin_number(origin: Origin) -> i64 {
    match origin {
        Origin::Claim => 1,
        Origin::Grant => 2,
        Origin::Sale => 3,
        Origin::PostOrderReward => 4,
    }
}

const fn origin_of(number: i64) -> Option<Origin> {
    match number {
        1 => Some(Origin::Claim),
        2 => Some(Origin::Grant),
        3 => Some(Origin::Sale),
        4 => Some(Origin::PostOrderReward),
        _ => None,
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
    store.optional(Statement::new("SELECT * FROM marketing_coupons WHERE id = ?", values![id.get()])).await
}

/// Those of the coupons that exist, in the order of their ids.
pub(crate) async fn by_ids(store: &Store, ids: &[CouponId]) -> Result<Vec<CouponRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = "SELECT * FROM marketing_coupons WHERE id IN (??) ORDER BY id";
    store.all(Statement::listing(text, ids.iter().map(|id| id.get()), values![])).await
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
            values![account, before.get(), limit],
        ),
        Shown::In(State::Active) => Statement::new(
            "SELECT * FROM marketing_coupons WHERE account_id = ? AND id < ? AND state = ? AND expires_at > ? \
             ORDER BY id DESC LIMIT ?",
            values![account, before.get(), number(State::Active), now, limit],
        ),
        Shown::In(state @ (State::Reserved | State::Used)) => Statement::new(
            "SELECT * FROM marketing_coupons WHERE account_id = ? AND id < ? AND state = ? ORDER BY id DESC LIMIT ?",
            values![account, before.get(), number(state), limit],
        ),
        Shown::Expired => Statement::new(
            "SELECT * FROM marketing_coupons WHERE account_id = ? AND id < ? AND state = ? AND expires_at <= ? \
             ORDER BY id DESC LIMIT ?",
            values![account, before.get(), number(State::Active), now, limit],
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
        values![template.get(), account, limit],
    );
    let rows: Vec<(i64,)> = store.all(query).await?;
    Ok(rows.into_iter().map(|(slot,)| slot).collect())
}

/// What an origin has given, in the order of its parts.
pub(crate) async fn from(store: &Store, origin: Origin, id: i64) -> Result<Vec<CouponRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM marketing_coupons WHERE origin = ? AND origin_id = ? ORDER BY origin_part LIMIT ?",
        values![origin_number(origin), id, ORIGIN_MAX],
    );
    store.all(query).await
}

/// What a source has given.
pub(crate) async fn from_source(store: &Store, source: Source) -> Result<Option<CouponRow>, StoreError> {
    let query = Statement::new(
        "SELECT * FROM marketing_coupons WHERE origin = ? AND origin_id = ? AND origin_part = ?",
        values![origin_number(source.origin), source.id, source.part],
    );
    store.optional(query).await
}

/// Every coupon, in the order of their ids.
pub(crate) async fn page(store: &Store, after: CouponId, limit: i64) -> Result<Vec<CouponRow>, StoreError> {
    let text = "SELECT * FROM marketing_coupons WHERE id > ? ORDER BY id LIMIT ?";
    store.all(Statement::new(text, values![after.get(), limit])).await
}

/// How many coupons of a template that were not bought lie beyond the limit of their customers.
pub(crate) async fn count_beyond(store: &Store, template: TemplateId, limit: i64) -> Result<i64, StoreError> {
    let query = Statement::new(
        "SELECT COUNT(*) FROM marketing_coupons WHERE template_id = ? AND origin <> ? AND slot > ?",
        values![template.get(), origin_number(Origin::Sale), limit],
    );
    Ok(store.one::<(i64,)>(query).await?.0)
}

/// Adds the writes that make coupons; a slot or a source that another one has taken meanwhile is a conflict.
pub(crate) fn insert<'a>(commit: Commit, rows: impl IntoIterator<Item = &'a CouponRow>) -> Commit {
    let columns = &[
        "id",
        "template_id",
        "account_id",
        "slot",
        "origin",
        "origin_id",
        "origin_part",
        "state",
        "order_id",
        "obtained_at",
        "expires_at",
        "version",
    ];
    let insert = rows.into_iter().fold(Insert::into("marketing_coupons", columns), |insert, row| {
        insert.row(values![
            row.id.get(),
            row.template.get(),
            row.account,
            row.slot,
            origin_number(row.source.origin),
            row.source.id,
            row.source.part,
            number(row.state),
            row.order.get(),
            row.obtained_at,
            row.expires_at,
            row.version
        ])
    });
    commit.insert(insert).duplicate_is(&errors::STORE_CONTENDED)
}

/// Adds the write that moves a coupon that was read as `row`; somebody else's write makes it a conflict.
pub(crate) fn change(commit: Commit, row: &CouponRow, state: State, order: OrderId) -> Commit {
    let statement = Statement::new(
        "UPDATE marketing_coupons SET state = ?, order_id = ?, version = version + 1 WHERE id = ? AND version = ?",
        values![number(state), order.get(), row.id.get(), row.version],
    );
    commit.write(statement).expect_rows(1)
}

/// Adds the write that ends the time of a coupon that was read as `row`.
pub(crate) fn end(commit: Commit, row: &CouponRow, now: Timestamp) -> Commit {
    let statement = Statement::new(
        "UPDATE marketing_coupons SET expires_at = ?, version = version + 1 WHERE id = ? AND version = ?",
        values![now, row.id.get(), row.version],
    );
    commit.write(statement).expect_rows(1)
}
