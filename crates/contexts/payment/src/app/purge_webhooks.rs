//! Retention job: deletes old webhooks of providers. Their effects are in the ledger, and their bodies contain personal data.

use std::time::Duration;

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};
use pulse_work::{SweepPage, TimerSweep};

use super::App;
use crate::store::webhooks;

/// The daily deletion.
pub(crate) const PURGE: TimerSweep = TimerSweep::every("payment.purge_webhooks", Duration::from_secs(86_400));
/// Maximum number of webhooks that one commit deletes. The next commit follows at once while there are more.
const BATCH: i64 = 500;

pub(crate) async fn purge_webhooks(app: &App, due: &DueTimer) -> Result<(), Error> {
    let page = |cx: Cx, _position| async move {
        let received_before = cx.now.minus(app.deps.retention.webhooks);
        let old = webhooks::received_before(app.store(), received_before, BATCH).await?;
        let has_more = i64::try_from(old.len()).unwrap_or(i64::MAX) >= BATCH;
        let delete =
            |commit: Commit, (provider, event): &(String, String)| commit.write(webhooks::delete(provider, event));
        Ok(SweepPage { commit: old.iter().fold(Commit::new(), delete), next: has_more.then_some(0) })
    };
    PURGE.fire(app.store(), due, page).await
}
