//! Who makes orders of admissions: one loop per node, of which one at a time works where several share a database.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use pulse_context::Pump;
use pulse_kernel::Error;
use pulse_store::Lease;
use tokio::time::{sleep, timeout};

use crate::app::{self, App, BATCH, COUNTED_MAX, Failures};
use crate::store::{admissions, dead_letters, switches};

/// How long nobody looks when nothing is new. Admissions of other nodes, and those of a node that died, wait so long.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the right to work lasts when whoever has it dies.
const LEASE: Duration = Duration::from_secs(10);
/// How long orders wait for a rush to pass at most: clients ask for their order for 30 s.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether a rush goes on.
const LOOK_AT_RUSH_EVERY: Duration = Duration::from_millis(20);
/// So many admissions between two looks are a rush: 5,000 in a second.
const RUSH: u64 = 100;

/// Makes orders of admissions until it is dropped.
pub(crate) struct Worker {
    app: App,
    holder: String,
    lease: Option<Lease>,
    failures: Failures,
    /// How many admissions had been written when it last looked whether there is a rush.
    written: u64,
    rush_began: Option<Instant>,
    measured_at: Option<Instant>,
}

impl Worker {
    pub(crate) fn new(app: App, holder: String) -> Self {
        Self { app, holder, lease: None, failures: Failures::new(), written: 0, rush_began: None, measured_at: None }
    }

    /// Works for ever.
    async fn run(mut self) {
        loop {
            self.let_the_rush_pass().await;
            match self.round().await {
                // There is more.
                Ok(Some(round)) if round.seen == BATCH && round.ended > 0 => continue,
                Ok(_) => {}
                Err(error) => {
                    metrics::counter!("pulse_sale_order_failures_total").increment(1);
                    tracing::warn!(error = error.report(), "admissions wait on for their orders");
                }
            }
            // Woken or not, it looks: what was admitted elsewhere wakes nobody here.
            timeout(LOOK_EVERY, self.app.admitted.notified()).await.unwrap_or_default();
        }
    }

    /// Waits while people are being admitted as fast as it goes: they wait for their answer, and those who have theirs can
    /// wait for their order. Not for ever.
    async fn let_the_rush_pass(&mut self) {
        loop {
            let (now, before) = (self.app.register.written_count(), self.written);
            self.written = now;
            if now.saturating_sub(before) < RUSH {
                self.rush_began = None;
                return;
            }
            if self.rush_began.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                return;
            }
            sleep(LOOK_AT_RUSH_EVERY).await;
        }
    }

    /// Makes orders of one batch, when this node is the one that works and nobody holds it.
    async fn round(&mut self) -> Result<Option<app::Round>, Error> {
        if !self.may_work().await? {
            return Ok(None);
        }
        let is_paused = switches::is_lane_held(&self.app.deps.store).await?;
        let round = match is_paused {
            true => None,
            false => Some(app::make_orders(&self.app, &mut self.failures).await?),
        };
        self.measure(is_paused).await?;
        Ok(round)
    }

    /// Makes orders of everything that waits now; says of how many.
    ///
    /// # Errors
    /// When a context does not answer; what waits goes on waiting.
    async fn run_due(&mut self) -> Result<usize, Error> {
        let mut ended = 0;
        while let Some(round) = self.round().await? {
            ended += round.ended;
            if round.seen < BATCH || round.ended == 0 {
                break;
            }
        }
        Ok(ended)
    }

    /// Whether this node is the one that works.
    async fn may_work(&mut self) -> Result<bool, Error> {
        let store = &self.app.deps.store;
        if !store.database().is_shared() {
            return Ok(true);
        }
        let renewed = match &self.lease {
            Some(lease) => store.renew_lease(lease, LEASE).await.ok(),
            None => None,
        };
        self.lease = match renewed {
            Some(lease) => Some(lease),
            None => store.acquire_lease("sale.orders", &self.holder, LEASE).await?,
        };
        Ok(self.lease.is_some())
    }

    /// How many wait, how many were given up, and whether it is held (TR-38).
    async fn measure(&mut self, is_paused: bool) -> Result<(), Error> {
        if self.measured_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        self.measured_at = Some(Instant::now());
        let store = &self.app.deps.store;
        let count = |count: i64| f64::from(i32::try_from(count).unwrap_or(i32::MAX));
        metrics::gauge!("pulse_sale_orders_held").set(f64::from(u8::from(is_paused)));
        metrics::gauge!("pulse_sale_waiting").set(count(admissions::waiting_count(store, COUNTED_MAX).await?));
        metrics::gauge!("pulse_sale_dead_letters").set(count(dead_letters::count(store, COUNTED_MAX).await?));
        Ok(())
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("holder", &self.holder).finish_non_exhaustive()
    }
}

#[async_trait]
impl Pump for Worker {
    async fn run(self: Box<Self>) {
        Self::run(*self).await;
    }

    async fn run_due(&mut self) -> Result<usize, Error> {
        Box::pin(Self::run_due(self)).await
    }
}
