//! Permits: room for so many at the same time, lent and not given.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::{Error, Timestamp};

use crate::{Key, Limiter};

/// How many may be inside at once, and for how long a lost one keeps its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermitLimit {
    /// How many permits there are.
    pub permits: u32,
    /// After this time a permit counts as lost, unless its holder extended it.
    pub lease: Duration,
}

/// A place in the counter of a limiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The counter.
    pub key: Key,
    /// Tells this lease from every other one of the same key.
    pub token: u64,
    /// From this instant on the place may belong to somebody else.
    pub expires_at: Timestamp,
}

/// The right to be inside. Dropping it gives the place back.
///
/// Work that may take longer than the lease must [`Permit::extend`] it, and stop when that fails.
pub struct Permit {
    limiter: Arc<dyn Limiter>,
    limit: PermitLimit,
    lease: Lease,
}

impl Permit {
    /// A permit of `key`, or `None` at once when all of them are out.
    ///
    /// Cancel-safe: a place that was taken for a dropped future comes back after the lease.
    ///
    /// # Errors
    /// Those of the engine below the limiter.
    pub async fn acquire(
        limiter: &Arc<dyn Limiter>,
        key: Key,
        limit: PermitLimit,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        let lease = limiter.lease(key, limit, now).await?;
        Ok(lease.map(|lease| Self { limiter: Arc::clone(limiter), limit, lease }))
    }

    /// When the place is lost unless the permit is extended.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.lease.expires_at
    }

    /// Starts the lease again at `now`; false when it had run out already and the work must stop.
    ///
    /// # Errors
    /// Those of the engine below the limiter; the lease then ends when it would have.
    pub async fn extend(&mut self, now: Timestamp) -> Result<bool, Error> {
        let extended = self.limiter.extend(self.lease, self.limit, now).await?;
        if let Some(lease) = extended {
            self.lease = lease;
        }
        Ok(extended.is_some())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.release(self.lease);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("lease", &self.lease).finish_non_exhaustive()
    }
}
