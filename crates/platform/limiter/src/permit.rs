//! Permits: leases that limit the number of concurrent holders.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::{Error, Timestamp};

use crate::{Key, Limiter};

/// Maximum number of concurrent permits, and the duration of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermitLimit {
    /// Number of permits.
    pub permits: u32,
    /// Time after which a permit expires unless its holder extends it.
    pub lease: Duration,
}

/// A lease of a limiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Key of the limit.
    pub key: Key,
    /// Unique number of the lease among those of the key.
    pub token: u64,
    /// Time from which another holder may have the permit.
    pub expires_at: Timestamp,
}

/// A permit. Dropping it releases the lease.
///
/// Work that may take longer than the lease must [`Permit::extend`] it, and stop if that fails.
pub struct Permit {
    limiter: Arc<dyn Limiter>,
    limit: PermitLimit,
    lease: Lease,
}

impl Permit {
    /// Acquires a permit of `key`; `None` if all are taken. Does not wait for one.
    ///
    /// Cancel-safe: a permit acquired by a dropped future expires after the lease.
    ///
    /// # Errors
    /// Those of the limiter.
    pub async fn acquire(
        limiter: &Arc<dyn Limiter>,
        key: Key,
        limit: PermitLimit,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        let lease = limiter.lease(key, limit, now).await?;
        Ok(lease.map(|lease| Self { limiter: Arc::clone(limiter), limit, lease }))
    }

    /// Time at which the permit expires unless it is extended.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.lease.expires_at
    }

    /// Restarts the lease at `now`; false if it has expired already and the work must stop.
    ///
    /// # Errors
    /// Those of the limiter; the lease is then unchanged.
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
