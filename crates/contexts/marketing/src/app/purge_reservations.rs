//! Retention job: deletes returned coupon reservations. Until then the row keeps its order from reserving again.

use std::time::Duration;

use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, DueTimer};
use pulse_work::{SweepPage, TimerSweep};

use super::App;
use crate::store::reservations;

/// The daily deletion.
pub(crate) const PURGE: TimerSweep = TimerSweep::every("marketing.purge_reservations", Duration::from_secs(86_400));
/// Maximum number of reservations that one commit deletes. The next commit follows at once while there are more.
const BATCH: i64 = 500;

pub(crate) async fn purge_reservations(app: &App, due: &DueTimer) -> Result<(), Error> {
    let store = &app.deps.store;
    let page = |cx: Cx, _position| async move {
        let returned_before = cx.now.minus(app.deps.retention.returned_coupons);
        let old = reservations::returned_before(store, returned_before, BATCH).await?;
        let has_more = i64::try_from(old.len()).unwrap_or(i64::MAX) >= BATCH;
        let delete = |commit: Commit, (order, version): &(_, i64)| commit.write(reservations::purge(*order, *version));
        Ok(SweepPage { commit: old.iter().fold(Commit::new(), delete), next: has_more.then_some(0) })
    };
    PURGE.fire(store, due, page).await
}
