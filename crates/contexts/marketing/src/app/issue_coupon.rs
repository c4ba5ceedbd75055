//! Issues one coupon: reserves a unit of the quota, creates the coupon, and its event confirms the unit.

use pulse_contract::marketing::v1::{CouponObtained, errors};
use pulse_kernel::id::{AccountId, CouponId, OrderId};
use pulse_kernel::{Cx, Error, Kind, Timestamp};
use pulse_store::Commit;

use super::{App, quota, view};
use crate::domain::coupon::{Origin, State, expires_at, free_slot};
use crate::domain::template::{IssueChannel, Refusal, Template};
use crate::metrics;
use crate::store::coupons::{self, CouponRow, Source};
use crate::store::templates::TemplateRow;

/// Template of coupons to issue.
pub(super) struct Issuance {
    pub(super) row: TemplateRow,
    pub(super) rules: Template,
}

impl Issuance {
    /// Checks that coupons of the template can be issued through the channel now.
    ///
    /// # Errors
    /// `MARKETING_NOT_CLAIMABLE`, `MARKETING_NOT_STARTED`, `MARKETING_ENDED`.
    pub(super) fn of(row: TemplateRow, channel: IssueChannel, now: Timestamp) -> Result<Self, Error> {
        let rules = view::rules(&row);
        match rules.check_issue(channel, now) {
            Ok(()) => Ok(Self { row, rules }),
            Err(refusal) => Err(not_issued(refusal, &rules, now).with("template_id", row.id.get())),
        }
    }

    /// A free slot in the limit of the customer, besides the slots `own` of coupons that the use case has not committed.
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
                .error(format!("a customer can have at most {limit} coupons of this template"))
                .with("template_id", self.row.id.get())
                .with("per_customer_limit", limit)
        })
    }

    /// Row of a new coupon.
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
            is_order_refunded: false,
            obtained_at: now,
            expires_at: expires_at(&self.rules, source.origin, now),
            version: 1,
        }
    }
}

/// Recipient of a coupon, and its origin.
#[derive(Clone, Copy)]
pub(super) struct Recipient {
    pub(super) account: AccountId,
    pub(super) origin: Origin,
    /// Batch of a grant; `None` for a claim.
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

/// Issues a coupon; `finish` adds further writes to its commit. One batch issues one coupon per account.
pub(super) async fn issue(
    app: &App,
    cx: &Cx,
    issuance: &Issuance,
    to: Recipient,
    finish: impl Fn(Commit, &CouponRow) -> Commit,
) -> Result<CouponRow, Error> {
    let store = &app.deps.store;
    let id = CouponId::new(store.next_id(cx.now));
    let source = to.source(id);
    // Checked before the reservation, so that a refused request does not reserve a unit.
    issuance.slot(app, to.account, id, &[]).await?;
    quota::reserve(app, cx, issuance.row.id, id).await?;
    let issued = store
        .attempt(cx, || async {
            // A claim is always new; a batch returns the coupon that it has issued to the account before.
            let before = match to.batch {
                Some(_) => coupons::from_source(store, source).await?,
                None => None,
            };
            if let Some(before) = before {
                return Ok(before);
            }
            let slot = issuance.slot(app, to.account, id, &[]).await?;
            let row = issuance.coupon(id, (to.account, slot), source, cx.now);
            let commit = emit_obtained(coupons::insert(Commit::new(), [&row]), &row);
            store.commit(cx, finish(commit, &row)).await?;
            Ok(row)
        })
        .await;
    match &issued {
        Ok(row) if row.id == id => metrics::issued(to.origin, 1),
        // The coupon may exist, so the reservation stays until it is confirmed or expires.
        Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Internal | Kind::DeadlineExceeded) => {}
        Ok(_) | Err(_) => quota::release(app, cx, id).await,
    }
    issued
}

/// Adds the event of a new coupon.
pub(super) fn emit_obtained(commit: Commit, row: &CouponRow) -> Commit {
    let event = CouponObtained {
        coupon_id: row.id.get(),
        template_id: row.template.get(),
        account_id: row.account.get(),
        order_id: row.source_order(),
    };
    commit.event(row.id.get(), &event)
}

fn not_issued(refusal: Refusal, rules: &Template, now: Timestamp) -> Error {
    match refusal {
        Refusal::NotClaimable => {
            errors::MARKETING_NOT_CLAIMABLE.error("coupons of this template are not distributed through this channel")
        }
        Refusal::NotStarted => errors::MARKETING_NOT_STARTED
            .error(format!("issuing starts at {}", pulse_contract::Timestamp::from(rules.starts_at)))
            .with("starts_at", pulse_contract::Timestamp::from(rules.starts_at))
            .retry_in(rules.starts_at.since(now)),
        Refusal::Ended => errors::MARKETING_ENDED.error("issuing of this template has ended"),
    }
}
