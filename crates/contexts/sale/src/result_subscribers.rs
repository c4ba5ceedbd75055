//! Subscribers of this process to the results of admissions.

use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::Clock;
use pulse_work::Watch;

/// Subscribers by sale and account. Each buyer has a key of its own, so that a batch of orders wakes only its buyers.
pub(crate) type ResultSubscribers = Watch<(i64, i64)>;

/// Maximum number of subscribers of a node.
const SUBSCRIBERS_MAX: usize = 1 << 20;
/// Poll interval for orders that other nodes create.
const POLL: Duration = Duration::from_millis(500);

/// Creates a registry without subscribers. It uses the clock of the machine, because the wait of a client is real time
/// also in tests with a virtual clock.
pub(crate) fn result_subscribers() -> Arc<ResultSubscribers> {
    Arc::new(Watch::new(Clock::system(), POLL, SUBSCRIBERS_MAX))
}
