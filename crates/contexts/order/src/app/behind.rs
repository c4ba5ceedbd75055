//! What the read model does not know yet: the events in the outbox behind it.

use std::collections::BTreeSet;

use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Store;

use crate::store::list;

/// How many events the read model may be behind for everything that it does not know to be found.
pub(super) const BEHIND_MAX: usize = 10_000;
/// How many events are read at once.
const EVENTS: usize = 1_000;

/// What the read model does not know yet.
pub(super) struct Behind {
    /// It knows everything that happened until then.
    pub(super) as_of: Timestamp,
    /// The orders that have changed since.
    pub(super) order_ids: BTreeSet<i64>,
    /// Whether there are more than were asked for.
    pub(super) is_cut: bool,
}

/// Looks at `limit` events at most. Whoever delivers events may be numbering them just now: then it looks again.
pub(super) async fn behind(store: &Store, cx: &Cx, limit: usize) -> Result<Behind, Error> {
    store.attempt(cx, || look(store, cx, limit)).await
}

async fn look(store: &Store, cx: &Cx, limit: usize) -> Result<Behind, Error> {
    let (mut seq, known_at) = list::progress(store).await?.unwrap_or((0, Timestamp::EPOCH));
    let mut order_ids = BTreeSet::new();
    let mut count = 0;
    loop {
        let page = EVENTS.min(limit - count);
        let events = store.events_after(seq, u32::try_from(page).unwrap_or(u32::MAX)).await?;
        count += events.len();
        seq = events.last().map_or(seq, |event| event.seq);
        order_ids.extend(events.iter().map(|event| event.key));
        if events.len() < page || count >= limit {
            break;
        }
    }
    let as_of = if count == 0 { cx.now } else { known_at };
    Ok(Behind { as_of, order_ids, is_cut: count >= limit })
}
