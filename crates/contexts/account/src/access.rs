//! Changes that access tokens do not contain: revoked sessions and changed roles.

use std::sync::Arc;
use std::time::Duration;

use pulse_kernel::id::AccountId;
use pulse_kernel::{Error, Principal, Timestamp};
use pulse_store::Store;

use crate::domain::refresh::SessionId;
use crate::revoked_sessions::RevokedSessions;
use crate::role_changes::{RoleChange, RoleChanges};

/// Poll interval for the changes of other nodes.
const POLL: Duration = Duration::from_secs(2);

/// Changes of sessions and roles within the lifetime of an access token. Clones share their content.
#[derive(Clone, Debug)]
pub struct AccessChanges {
    sessions: RevokedSessions,
    roles: RoleChanges,
}

impl AccessChanges {
    pub(crate) fn new(access_ttl: Duration) -> Self {
        Self { sessions: RevokedSessions::new(access_ttl), roles: RoleChanges::new(access_ttl) }
    }

    /// The principal of a token that was issued at `issued_at`, with its current roles and shops; `None` when its session
    /// has ended. Reads memory only, because every request calls it.
    #[must_use]
    pub fn current(&self, principal: Arc<Principal>, issued_at: Timestamp) -> Option<Arc<Principal>> {
        let has_ended = self.sessions.contains(SessionId::new(principal.session));
        (!has_ended).then(|| self.roles.apply(principal, issued_at))
    }

    /// Adds sessions that were ended at `now`, after the commit that ended them.
    pub(crate) fn ended(&self, sessions: impl IntoIterator<Item = SessionId>, now: Timestamp) {
        self.sessions.add(sessions.into_iter().map(|session| (session, now)), now);
    }

    /// Adds the change of the roles of an account, after its commit.
    pub(crate) fn roles_changed(&self, account: AccountId, change: RoleChange) {
        let now = change.changed_at;
        self.roles.add([(account, change)], now);
    }

    /// Adds the changes that the database knows.
    pub(crate) async fn load(&self, store: &Store) -> Result<(), Error> {
        self.sessions.load(store).await?;
        self.roles.load(store).await
    }

    /// Polls the changes of other nodes, until the future is dropped. Returns at once when the database is not shared.
    pub(crate) async fn watch(&self, store: &Store) {
        while store.database().is_shared() {
            store.clock().sleep_until(store.clock().now().plus(POLL)).await;
            if let Err(error) = self.load(store).await {
                tracing::warn!(
                    error = %error.report(),
                    "sign-outs and role changes of other nodes cannot be read; retrying"
                );
            }
        }
    }
}
