//! Gives one coupon: a unit of the quota is reserved, then the coupon is made, then the event confirms the unit.

use pulse_contract::marketing::v1::{CouponObtained, errors};
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_kernel::{Cx, Error, Kind, Timestamp};
use pulse_store::Commit;

use super::{App, quota, view};
use crate::domain::coupon::{Origin, State, expires_at, free_slot};
use crate::domain::template::{Refusal, Template, Way};
use crate::store::coupons::{self, CouponRow, Source};
use crate::store::templates::TemplateRow;

/// A template that coupons are given of.
pub(super) struct Issuance {
    pub(super) row: TemplateRow,
    pub(super) rules: Template,
}

impl Issuance {
    /// Of a template, when its coupons can be had in this way now.
    ///
    /// # Errors
    /// `MARKETING_NOT_CLAIMABLE`, `MARKETING_NOT_STARTED`, `MARKETING_ENDED`.
    pub(super) fn of(row: TemplateRow, way: Way, now: Timestamp) -> Result<Self, Error> {
        let rules = view::rules(&row);
        match rules.may_give(way, now) {
            Ok(()) => Ok(Self { row, rules }),
            Err(refusal) => Err(refused(refusal, &rules, now).with("template_id", row.id.get())),
        }
    }

    /// A place in the customer's limit, beside those that this use case has given them already.
    ///
    /// # Errors
    /// `MARKETING_CUSTOMER_LIMIT`.
    pub(super) async fn slot(
        &self,
        app: &App,
        account: AccountId,
        coupon: CouponId,
        own: &[i64],
    ) -> Result<i64, Error> {
        let limit = self.rules.per_customer_limit;
        let mut taken = coupons::slots(&app.deps.store, self.row.id, account, limit).await?;
        taken.extend(own);
        free_slot(limit, &taken, coupon.get()).ok_or_else(|| {
            errors::MARKETING_CUSTOMER_LIMIT
                .error("no customer may have more coupons of this template")
                .with("template_id", self.row.id.get())
                .with("per_customer_limit", limit)
        })
    }

    /// The row of a new coupon.
    pub(super) fn coupon(
        &self,
        id: CouponId,
        (account, slot): (AccountId, i64),
        source: Source,
        now: Timestamp,
    ) -> CouponRow {
        CouponRow {
            id,
            template: self.row.id,
            account,
            slot,
            source,
            state: State::Active,
            order: OrderId::new(0),
            obtained_at: now,
            expires_at: expires_at(&self.rules, source.origin, now),
            version: 1,
        }
    }
}

/// Who gets a coupon, and what for.
#[derive(Clone, Copy)]
pub(super) struct Recipient {
    pub(super) account: AccountId,
    pub(super) origin: Origin,
    /// The batch of a grant; a claim is one of its own.
    pub(super) batch: Option<i64>,
}

impl Recipient {
    fn source(self, coupon: CouponId) -> Source {
        match self.batch {
            Some(batch) => Source { origin: self.origin, id: batch, part: self.account.get() },
            None => Source { origin: self.origin, id: coupon.get(), part: 0 },
        }
    }
}

/// Gives a coupon to somebody; `finish` adds what else belongs to the commit. The same batch gives an account one.
pub(super) async fn give(
    app: &App,
    cx: &Cx,
    giving: &Issuance,
    to: Recipient,
    finish: impl Fn(Commit, &CouponRow) -> Commit,
) -> Result<CouponRow, Error> {
    let store = &app.deps.store;
    let id = CouponId::new(store.next_id(cx.now));
    let source = to.source(id);
    // Whoever has as many as they may need not keep a unit from others meanwhile.
    giving.slot(app, to.account, id, &[]).await?;
    quota::reserve(app, cx, giving.row.id, id).await?;
    let given = store
        .attempt(cx, || async {
            // A claim is always a new one; what a batch has given somebody it gives them again.
            let before = match to.batch {
                Some(_) => coupons::from_source(store, source).await?,
                None => None,
            };
            if let Some(before) = before {
                return Ok(before);
            }
            let slot = giving.slot(app, to.account, id, &[]).await?;
            let row = giving.coupon(id, (to.account, slot), source, cx.now);
            let commit = obtain(coupons::insert(Commit::new(), [&row]), &row);
            store.commit(cx, finish(commit, &row)).await?;
            Ok(row)
        })
        .await;
    match &given {
        Ok(row) if row.id == id => {}
        // It may have been made all the same: the reservation stays until it is confirmed or expires.
        Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Internal | Kind::DeadlineExceeded) => {}
        Ok(_) | Err(_) => quota::release(app, cx, id).await,
    }
    given
}

/// Adds the event that tells of a new coupon.
pub(super) fn obtain(commit: Commit, row: &CouponRow) -> Commit {
    let event = CouponObtained {
        coupon_id: row.id.get(),
        template_id: row.template.get(),
        account_id: row.account.get(),
        order_id: row.source_order(),
    };
    commit.event(row.id.get(), &event)
}

fn refused(refusal: Refusal, rules: &Template, now: Timestamp) -> Error {
    match refusal {
        Refusal::NotClaimable => {
            errors::MARKETING_NOT_CLAIMABLE.error("coupons of this template are not had in this way")
        }
        Refusal::NotStarted => errors::MARKETING_NOT_STARTED
            .error("its time has not come")
            .with("starts_at", pulse_contract::Timestamp::from(rules.starts_at))
            .retry_in(rules.starts_at.since(now)),
        Refusal::Ended => errors::MARKETING_ENDED.error("its time is over"),
    }
}
