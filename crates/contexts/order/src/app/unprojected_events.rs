//! Events in the outbox that the order lists do not contain yet.

use std::collections::BTreeSet;

use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Store;

use crate::store::list;

/// Maximum number of events that are read. If the lists are further behind, the result is truncated.
pub(super) const EVENTS_MAX: usize = 10_000;
/// Maximum number of events that are read at once.
const PAGE: usize = 1_000;

/// Events that the lists do not contain yet.
pub(super) struct UnprojectedEvents {
    /// Time up to which the lists contain every event.
    pub(super) as_of: Timestamp,
    /// Orders that have changed since.
    pub(super) order_ids: BTreeSet<OrderId>,
    /// Whether there may be more events than the limit.
    pub(super) is_truncated: bool,
}

/// Reads at most `limit` events. The read is repeated if the outbox is being numbered at the same time.
pub(super) async fn unprojected_events(store: &Store, cx: &Cx, limit: usize) -> Result<UnprojectedEvents, Error> {
    store.attempt(cx, || read(store, cx, limit)).await
}

async fn read(store: &Store, cx: &Cx, limit: usize) -> Result<UnprojectedEvents, Error> {
    let (mut seq, projected_at) = list::progress(store).await?.unwrap_or((0, Timestamp::EPOCH));
    let mut order_ids = BTreeSet::new();
    let mut count = 0;
    loop {
        let page = PAGE.min(limit - count);
        let events = store.events_after(seq, u32::try_from(page).unwrap_or(u32::MAX)).await?;
        count += events.len();
        seq = events.last().map_or(seq, |event| event.seq);
        order_ids.extend(events.iter().map(|event| OrderId::new(event.key)));
        if events.len() < page || count >= limit {
            break;
        }
    }
    let as_of = if count == 0 { cx.now } else { projected_at };
    Ok(UnprojectedEvents { as_of, order_ids, is_truncated: count >= limit })
}
