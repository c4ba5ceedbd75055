//! Grants coupons to many accounts. Each account gets a coupon or an error code; a repeated request returns earlier coupons.

use futures::stream::{self, StreamExt};
use pulse_contract::errors as common;
use pulse_contract::marketing::v1::{Grant, GrantCouponsRequest, GrantCouponsResponse};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error, Kind};
use pulse_store::Commit;

use super::issue_coupon::{Issuance, Recipient, issue};
use super::{App, templates};
use crate::domain::coupon::Origin;
use crate::domain::template::{IssueChannel, TemplateId};
use crate::store::coupons::{self, Source};

/// Maximum number of accounts of one request.
const ACCOUNTS_MAX: usize = 1_000;

pub(crate) async fn grant_coupons(
    app: &App,
    cx: &Cx,
    request: GrantCouponsRequest,
) -> Result<GrantCouponsResponse, Error> {
    let row = templates::managed(app, cx, TemplateId::new(request.template_id)).await?;
    let issuance = Issuance::of(row, IssueChannel::Grant, cx.now)?;
    let batch = batch(app, cx);
    let accounts = request.account_ids.into_iter().take(ACCOUNTS_MAX).map(AccountId::new);
    let mut outcomes: Vec<(AccountId, Result<i64, Error>)> = stream::iter(accounts)
        .map(|account| {
            let issuance = &issuance;
            async move { (account, grant(app, cx, issuance, batch, account).await) }
        })
        .buffered(app.deps.config.grant_concurrency.max(1))
        .collect()
        .await;
    let is_answered = |error: &&Error| error.code() == common::IDEMPOTENCY_IN_FLIGHT.code;
    if let Some(index) =
        outcomes.iter().position(|(_, outcome)| outcome.as_ref().err().is_some_and(|e| is_answered(&e)))
    {
        // Another node has answered the same request meanwhile; its answer counts.
        return outcomes.swap_remove(index).1.map(|_| GrantCouponsResponse::default());
    }
    // An open outcome is not stored: a retry with the same key tries those accounts again.
    let is_open = outcomes.iter().any(|(_, outcome)| outcome.as_ref().is_err_and(is_open));
    let grants = outcomes.into_iter().map(|(account, outcome)| {
        let (coupon_id, code) = match outcome {
            Ok(coupon) => (coupon, String::new()),
            Err(error) => (0, error.code().to_owned()),
        };
        Grant { account_id: account.get(), coupon_id, code }
    });
    let response = GrantCouponsResponse { grants: grants.collect() };
    if !is_open {
        app.deps.store.commit(cx, Commit::new().answer(cx, &response)).await?;
    }
    Ok(response)
}

async fn grant(app: &App, cx: &Cx, issuance: &Issuance, batch: i64, account: AccountId) -> Result<i64, Error> {
    let source = Source { origin: Origin::Grant, id: batch, part: account.get() };
    if let Some(before) = coupons::from_source(&app.deps.store, source).await? {
        return Ok(before.id.get());
    }
    let to = Recipient { account, origin: Origin::Grant, batch: Some(batch) };
    let issued = issue(app, cx, issuance, to, |commit, _row| commit).await?;
    Ok(issued.id.get())
}

/// Whether a retry can have another outcome.
fn is_open(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Internal | Kind::DeadlineExceeded | Kind::Aborted)
}

/// The number of the batch: the same for the same caller, key and request; a new one without a key.
fn batch(app: &App, cx: &Cx) -> i64 {
    let Some(idempotency) = cx.idempotency.as_deref() else {
        return app.deps.store.next_id(cx.now);
    };
    let digest = idempotency.fingerprint.first_chunk::<8>().map_or(0, |bytes| i64::from_be_bytes(*bytes));
    // The fingerprint does not contain the caller.
    let caller = cx.actor.account().map_or(0, AccountId::get);
    (digest ^ caller.rotate_left(32)) & i64::MAX
}
