//! Subscribers of this process to the tickets of a shop.

use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::id::ShopId;
use pulse_store::Store;
use pulse_work::Watch;

/// Subscribers by shop. A notification says that a ticket of the shop has changed; the rows say which and how.
pub type TicketSubscribers = Watch<ShopId>;

/// Maximum number of subscribers of a node.
const SUBSCRIBERS_MAX: usize = 65_536;
/// Poll interval for changes of other nodes.
const POLL: Duration = Duration::from_secs(2);
/// Poll interval when no other node writes: finds a change whose request was cut off before its notification.
const POLL_UNSHARED: Duration = Duration::from_secs(15);

/// A registry without subscribers.
pub(crate) fn ticket_subscribers(store: &Store) -> Arc<TicketSubscribers> {
    let poll = if store.database().is_shared() { POLL } else { POLL_UNSHARED };
    Arc::new(Watch::new(store.clock().clone(), poll, SUBSCRIBERS_MAX))
}
