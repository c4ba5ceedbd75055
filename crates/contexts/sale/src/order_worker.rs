//! Creates orders for admissions: one worker per node, of which a lease selects one when several share a database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pulse_context::Pump;
use pulse_kernel::{Clock, Error};
use pulse_store::Lease;
use pulse_work::{Next, Step, Sweep};
use tokio::time::sleep;

use crate::app::{self, App, BATCH, COUNTED_MAX, Failures};
use crate::store::{admissions, dead_letters, switches};

/// Poll interval for admissions of other nodes and of nodes that stopped. Own admissions wake the worker.
const POLL: Duration = Duration::from_secs(1);
/// Time after which another node takes over from one that stopped.
const LEASE: Duration = Duration::from_secs(10);
/// Longest wait for the end of a burst: clients wait 30 s for their order.
const BURST_WAIT_MAX: Duration = Duration::from_secs(10);
/// Interval at which a burst is measured.
const BURST_INTERVAL: Duration = Duration::from_millis(20);
/// Number of admissions in an interval that counts as a burst: 5,000 per second.
const BURST_ADMISSIONS: u64 = 100;

/// The worker.
pub(crate) struct OrderWorker {
    app: App,
    holder: String,
    lease: Option<Lease>,
    failures: Failures,
    /// Number of written admissions when the burst was measured last.
    written: u64,
    burst_began: Option<Instant>,
    measured_at: Option<Instant>,
}

impl OrderWorker {
    pub(crate) fn new(app: App, holder: String) -> Self {
        Self { app, holder, lease: None, failures: Failures::new(), written: 0, burst_began: None, measured_at: None }
    }

    /// Waits for the end of a burst of admissions, so that buyers are admitted before orders are created. Buyers who wait
    /// for their order can wait longer than those who wait for their admission.
    async fn wait_for_burst(&mut self) {
        loop {
            let (now, before) = (self.app.admission_writer.written_count(), self.written);
            self.written = now;
            if now.saturating_sub(before) < BURST_ADMISSIONS {
                self.burst_began = None;
                return;
            }
            if self.burst_began.get_or_insert_with(Instant::now).elapsed() > BURST_WAIT_MAX {
                return;
            }
            sleep(BURST_INTERVAL).await;
        }
    }

    /// Creates the orders of one batch; `None` when another node works or order creation is paused.
    async fn round(&mut self) -> Result<Option<app::Round>, Error> {
        if !self.holds_lease().await? {
            return Ok(None);
        }
        let is_paused = switches::is_order_creation_paused(&self.app.deps.store).await?;
        let round = match is_paused {
            true => None,
            false => Some(app::make_orders(&self.app, &mut self.failures).await?),
        };
        self.measure(is_paused).await?;
        Ok(round)
    }

    async fn holds_lease(&mut self) -> Result<bool, Error> {
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

    /// Sets the gauges of pending admissions, dead letters and the pause (TR-38), at most once per interval.
    async fn measure(&mut self, is_paused: bool) -> Result<(), Error> {
        if self.measured_at.is_some_and(|at| at.elapsed() < POLL) {
            return Ok(());
        }
        self.measured_at = Some(Instant::now());
        let store = &self.app.deps.store;
        let count = |count: i64| f64::from(i32::try_from(count).unwrap_or(i32::MAX));
        let (pending, dead) =
            (admissions::waiting_count(store, COUNTED_MAX).await?, dead_letters::count(store, COUNTED_MAX).await?);
        metrics::gauge!("pulse_sale_order_creation_paused").set(f64::from(u8::from(is_paused)));
        metrics::gauge!("pulse_sale_admissions_pending").set(count(pending));
        metrics::gauge!("pulse_sale_dead_letters").set(count(dead));
        Ok(())
    }
}

/// Whether a round was full, so that another one follows at once.
fn has_more(round: app::Round) -> bool {
    round.seen == BATCH && round.ended > 0
}

impl Step for OrderWorker {
    async fn step(&mut self) -> Result<Next, Error> {
        self.wait_for_burst().await;
        let failed = |_error: &Error| metrics::counter!("pulse_sale_order_failures_total").increment(1);
        let round = self.round().await.inspect_err(failed)?;
        Ok(Next::at_once_if(round.is_some_and(has_more)))
    }
}

#[async_trait]
impl Pump for OrderWorker {
    async fn run(self: Box<Self>) {
        let wake = Arc::clone(&self.app.admitted);
        Sweep::every("sale.order_creation", Clock::system(), POLL).woken_by(wake).run(*self).await;
    }

    /// Creates the orders of all pending admissions and returns their number.
    async fn run_due(&mut self) -> Result<usize, Error> {
        let mut ended = 0;
        while let Some(round) = Box::pin(self.round()).await? {
            ended += round.ended;
            if !has_more(round) {
                break;
            }
        }
        Ok(ended)
    }
}
