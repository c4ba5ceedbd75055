//! Sessions that have ended while their access tokens still look valid: signing out takes effect at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use pulse_kernel::{Error, Timestamp};
use pulse_store::Store;

use crate::store::sessions;

/// How often other nodes' sign-outs are looked for, when there can be other nodes.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The sessions that have ended lately. Cheap to clone; all clones know the same.
#[derive(Clone, Debug)]
pub struct EndedSessions {
    access_ttl: Duration,
    ended: Arc<RwLock<HashMap<i64, Timestamp>>>,
}

impl EndedSessions {
    pub(crate) fn new(access_ttl: Duration) -> Self {
        Self { access_ttl, ended: Arc::default() }
    }

    /// Whether the session has ended. From memory, for every request.
    #[must_use]
    pub fn contains(&self, session: i64) -> bool {
        let ended = self.ended.read();
        !ended.is_empty() && ended.contains_key(&session)
    }

    /// Remembers an ending for as long as an access token can live, and forgets those that are older.
    pub(crate) fn note(&self, session: i64, at: Timestamp) {
        let mut ended = self.ended.write();
        ended.insert(session, at);
        let oldest = at.minus(self.access_ttl);
        ended.retain(|_, ended_at| *ended_at > oldest);
    }

    pub(crate) async fn load(&self, store: &Store) -> Result<(), Error> {
        let since = store.clock().now().minus(self.access_ttl);
        for (session, at) in sessions::ended_since(store, since).await? {
            self.note(session, at);
        }
        Ok(())
    }

    /// Keeps looking for what other nodes have ended. Returns at once when there can be no others.
    pub async fn watch(&self, store: &Store) {
        while store.database().is_shared() {
            store.clock().sleep_until(store.clock().now().plus(LOOK_EVERY)).await;
            if let Err(error) = self.load(store).await {
                tracing::warn!(error = %error.report(), "sign-outs of other nodes could not be read");
            }
        }
    }
}
