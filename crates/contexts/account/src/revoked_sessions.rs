//! Sessions that ended while their access tokens are still valid, so that a sign-out takes effect at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use pulse_kernel::{Error, Timestamp};
use pulse_store::Store;

use crate::domain::refresh::SessionId;
use crate::store::sessions;

/// Sessions that ended within the lifetime of an access token. Clones share their content.
#[derive(Clone, Debug)]
pub(crate) struct RevokedSessions {
    access_ttl: Duration,
    ended_at: Arc<RwLock<HashMap<SessionId, Timestamp>>>,
}

impl RevokedSessions {
    pub(crate) fn new(access_ttl: Duration) -> Self {
        Self { access_ttl, ended_at: Arc::default() }
    }

    /// Whether the session has ended. Reads memory only, because every request calls it.
    pub(crate) fn contains(&self, session: SessionId) -> bool {
        let ended_at = self.ended_at.read();
        !ended_at.is_empty() && ended_at.contains_key(&session)
    }

    /// Adds sessions with the time at which each ended, and removes sessions whose access tokens have expired by `now`.
    pub(crate) fn add(&self, ended: impl IntoIterator<Item = (SessionId, Timestamp)>, now: Timestamp) {
        let mut ended_at = self.ended_at.write();
        ended_at.extend(ended);
        let oldest = now.minus(self.access_ttl);
        ended_at.retain(|_, ended_at| *ended_at > oldest);
    }

    /// Adds the sessions that the database knows, including sessions that other nodes ended.
    pub(crate) async fn load(&self, store: &Store) -> Result<(), Error> {
        let now = store.clock().now();
        self.add(sessions::ended_since(store, now.minus(self.access_ttl)).await?, now);
        Ok(())
    }
}
