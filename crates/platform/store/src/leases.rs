//! Leases with fencing tokens, for work that one node at a time may do.
//!
//! A lease alone is no proof: its holder may have been suspended past its end. Therefore each acquisition raises a token,
//! and [`crate::Commit::fence`] checks the token inside the commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use pulse_kernel::snowflake::NODES_MAX;
use pulse_kernel::{Clock, Timestamp};

use crate::sql::dialect::Dialect;
use crate::sql::{FromRow, Row};
use crate::transaction::{Refusal, Step, Transaction};
use crate::{Insert, Store, StoreError, values};

/// The right of one holder to do a piece of work until `expires_at`, and after that until another holder acquires it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Name of the work. At most 64 characters.
    pub name: String,
    /// Name of the holder, unique per start of a process.
    pub holder: String,
    /// Fencing token. Grows with each acquisition; a commit with an old token is rejected.
    pub token: i64,
    /// Instant from which another holder may acquire the lease.
    pub expires_at: Timestamp,
}

impl FromRow for Lease {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.get("name")?,
            holder: row.get("holder")?,
            token: row.get("token")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

impl Store {
    /// Acquires the lease for `ttl`. `None` while another holder has it. The same holder gets it again, with a new token.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn acquire_lease(&self, name: &str, holder: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let now = self.clock().now();
        let current = self.lease(name).await?;
        let token = match &current {
            Some(lease) if lease.expires_at > now && lease.holder != holder => return Ok(None),
            Some(lease) => lease.token + 1,
            None => 1,
        };
        let lease = Lease { name: name.to_owned(), holder: holder.to_owned(), token, expires_at: now.plus(ttl) };
        let step = match current {
            Some(current) => {
                let sql =
                    self.sql("UPDATE #_leases SET holder = ?, token = ?, expires_at = ? WHERE name = ? AND token = ?");
                let args = values![holder, token, lease.expires_at, name, current.token];
                Step::new(sql, args).expecting(1, Refusal::Conflict)
            }
            None => {
                let sql = self.sql("INSERT INTO #_leases (name, holder, token, expires_at) VALUES (?, ?, ?, ?)");
                Step::new(sql, values![name, holder, token, lease.expires_at]).on_duplicate(Refusal::Conflict)
            }
        };
        match self.execute(Transaction { steps: vec![step] }).await {
            Ok(()) => Ok(Some(lease)),
            // Another node was faster.
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Extends the lease to `ttl` from now, also after its end if no other holder has acquired it.
    ///
    /// # Errors
    /// `StoreError::Fenced` when another holder has acquired it; `STORE_UNAVAILABLE`.
    pub async fn renew_lease(&self, lease: &Lease, ttl: Duration) -> Result<Lease, StoreError> {
        let expires_at = self.clock().now().plus(ttl);
        self.set_expiry(lease, expires_at).await?;
        Ok(Lease { expires_at, ..lease.clone() })
    }

    /// Releases the lease before its end.
    ///
    /// # Errors
    /// `StoreError::Fenced` when another holder has acquired it; `STORE_UNAVAILABLE`.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        self.set_expiry(lease, Timestamp::EPOCH).await
    }

    async fn set_expiry(&self, lease: &Lease, expires_at: Timestamp) -> Result<(), StoreError> {
        let sql = self.sql("UPDATE #_leases SET expires_at = ? WHERE name = ? AND token = ?");
        let step = Step::new(sql, values![expires_at, &lease.name, lease.token]).expecting(1, Refusal::Fenced);
        self.execute(Transaction { steps: vec![step] }).await
    }

    async fn lease(&self, name: &str) -> Result<Option<Lease>, StoreError> {
        self.optional(self.own("SELECT name, holder, token, expires_at FROM #_leases WHERE name = ?", values![name]))
            .await
    }

    /// Checks the token and locks it against changes until the end of the commit.
    pub(crate) fn fence_step(&self, name: String, token: i64) -> Step {
        let sql = match self.dialect() {
            Dialect::Sqlite => self.sql("SELECT token FROM #_leases WHERE name = ? AND token = ?"),
            Dialect::Postgres => self.sql("SELECT token FROM #_leases WHERE name = ? AND token = ? FOR SHARE"),
            Dialect::Mysql { .. } => {
                self.sql("SELECT token FROM #_leases WHERE name = ? AND token = ? LOCK IN SHARE MODE")
            }
        };
        Step::new(sql, values![name, token]).querying().expecting(1, Refusal::Fenced)
    }
}

/// The lease of a node number, which makes the IDs of a node differ from those of all other nodes.
///
/// A node takes the number that has been free for the longest time and keeps its lease with [`NodeLease::keep`]. A node
/// that loses its lease ends; [`crate::Database::write_only_as`] prevents writes in between.
#[derive(Clone, Debug)]
pub struct NodeLease {
    store: Store,
    lease: Lease,
    number: u16,
    ttl: Duration,
    /// End of the lease, in milliseconds since the epoch. Shared by the clones.
    held_until: Arc<AtomicI64>,
}

/// Maximum number of attempts to take a number while other nodes are faster.
const NODE_ATTEMPTS_MAX: u32 = 32;

impl NodeLease {
    /// Leases a node number from 0 to 1023 for `ttl`.
    ///
    /// # Errors
    /// `STORE_CONTENDED` when all numbers are held; `STORE_UNAVAILABLE`.
    pub async fn acquire(store: &Store, holder: &str, ttl: Duration) -> Result<Self, StoreError> {
        seed_numbers(store).await?;
        for _ in 0..NODE_ATTEMPTS_MAX {
            // A number stays free for another `ttl` after its lease, for holders whose clock is behind.
            let free_before = store.clock().now().minus(ttl);
            let query = store.own(
                "SELECT name FROM #_leases WHERE name LIKE 'node-%' AND expires_at <= ? ORDER BY expires_at, name LIMIT 1",
                values![free_before],
            );
            let Some(name) = store.optional::<String>(query).await? else {
                return Err(StoreError::Conflict);
            };
            let Some(lease) = store.acquire_lease(&name, holder, ttl).await? else {
                continue;
            };
            let number = name.strip_prefix("node-").and_then(|number| number.parse().ok()).filter(|id| *id < NODES_MAX);
            let number = number.ok_or_else(|| StoreError::defect(format!("{name} is not a node number")))?;
            let held_until = Arc::new(AtomicI64::new(lease.expires_at.as_millis()));
            return Ok(Self { store: store.clone(), lease, number, ttl, held_until });
        }
        Err(StoreError::Conflict)
    }

    /// Number of the node, 0 to 1023.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    pub(crate) fn held_until(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.held_until)
    }

    /// Whether the lease is held at `now`. Otherwise no IDs may be drawn with the number.
    #[must_use]
    pub fn is_held(&self, now: Timestamp) -> bool {
        now.as_millis() < self.held_until.load(Ordering::Acquire)
    }

    /// Renews the lease three times per `ttl`. Returns when the lease is lost, at the latest at its end; the node has to end
    /// then.
    ///
    /// Cancel-safe: dropping the future lets the lease expire.
    pub async fn keep(&self) -> StoreError {
        let clock: &Clock = self.store.clock();
        let pause = self.ttl.checked_div(3).unwrap_or(self.ttl);
        loop {
            let held_until = Timestamp::from_millis(self.held_until.load(Ordering::Acquire));
            clock.sleep_until(clock.now().plus(pause).min(held_until)).await;
            match self.renew_until(held_until).await {
                Ok(()) => {}
                Err(error @ StoreError::Fenced) => return error,
                Err(error) if self.is_held(clock.now()) => {
                    tracing::warn!(%error, node = self.number, "cannot renew the lease of the node number; retrying");
                }
                Err(error) => return error,
            }
        }
    }

    /// Renews the lease. Waits for a hanging database no longer than the lease lasts.
    async fn renew_until(&self, held_until: Timestamp) -> Result<(), StoreError> {
        tokio::select! {
            biased;
            renewed = self.renew() => renewed,
            () = self.store.clock().sleep_until(held_until) => {
                Err(StoreError::unavailable("the lease ended before the database confirmed its renewal"))
            }
        }
    }

    /// Renews the lease once.
    ///
    /// # Errors
    /// `StoreError::Fenced` when it was lost; `STORE_UNAVAILABLE`.
    pub async fn renew(&self) -> Result<(), StoreError> {
        if !self.is_held(self.store.clock().now()) {
            // Another node may have used the number since: an expired lease is not renewed.
            return Err(StoreError::Fenced);
        }
        let renewed = self.store.renew_lease(&self.lease, self.ttl).await?;
        self.held_until.store(renewed.expires_at.as_millis(), Ordering::Release);
        Ok(())
    }

    /// Releases the number.
    ///
    /// # Errors
    /// `StoreError::Fenced` when it was lost; `STORE_UNAVAILABLE`.
    pub async fn release(self) -> Result<(), StoreError> {
        self.held_until.store(i64::MIN, Ordering::Release);
        // The lease ends now, not at the epoch, so that the number stays free for `ttl` like any other.
        let now = self.store.clock().now();
        self.store.set_expiry(&self.lease, now).await
    }
}

/// Inserts the rows of all node numbers when they are missing.
async fn seed_numbers(store: &Store) -> Result<(), StoreError> {
    let count = store.own("SELECT COUNT(*) FROM #_leases WHERE name LIKE 'node-%'", values![]);
    if store.one::<i64>(count).await? == i64::from(NODES_MAX) {
        return Ok(());
    }
    let insert = Insert::into(store.table("leases"), &["name", "holder", "token", "expires_at"]);
    let insert = (0..NODES_MAX).fold(insert.on_conflict_ignore(&["name"]), |insert, number| {
        insert.row(values![format!("node-{number:04}"), "", 0_i64, i64::MIN])
    });
    let steps = insert.into_statements(store.dialect()).into_iter().map(|(sql, args)| Step::new(sql, args)).collect();
    store.execute(Transaction { steps }).await
}
