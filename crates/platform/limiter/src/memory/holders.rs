//! The leases of a key, ordered by expiry.

use std::collections::BTreeSet;

use pulse_kernel::Timestamp;

use super::table::Counter;
use crate::{Lease, PermitLimit};

/// The leases of one key.
#[derive(Default)]
pub(super) struct Holders {
    by_expiry: BTreeSet<(Timestamp, u64)>,
}

impl Holders {
    /// Adds `lease` if a permit is free at `now`.
    pub(super) fn take(&mut self, lease: Lease, limit: PermitLimit, now: Timestamp) -> bool {
        while self.by_expiry.first().is_some_and(|(expires_at, _)| *expires_at <= now) {
            self.by_expiry.pop_first();
        }
        let has_room = self.by_expiry.len() < usize::try_from(limit.permits).unwrap_or(usize::MAX);
        has_room && self.by_expiry.insert((lease.expires_at, lease.token))
    }

    /// Replaces `lease` by `extended` if it has not expired at `now`.
    pub(super) fn extend(&mut self, lease: Lease, extended: Lease, now: Timestamp) -> bool {
        lease.expires_at > now
            && self.by_expiry.remove(&(lease.expires_at, lease.token))
            && self.by_expiry.insert((extended.expires_at, extended.token))
    }

    pub(super) fn release(&mut self, lease: Lease) {
        self.by_expiry.remove(&(lease.expires_at, lease.token));
    }
}

impl Counter for Holders {
    fn idle_at(&self) -> Timestamp {
        self.by_expiry.last().map_or(Timestamp::EPOCH, |(expires_at, _)| *expires_at)
    }
}
