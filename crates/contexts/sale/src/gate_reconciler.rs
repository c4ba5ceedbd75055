//! Reconciles the admission engine, the database and the active sales in memory, where several nodes share them.
//!
//! An engine that outlives this process can be lost while a sale runs, and can hold admissions of a node that stopped. Sales
//! can be changed by another node. A commit with an unknown outcome leaves the engine with other numbers than the database.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use pulse_context::Pump;
use pulse_kernel::{Clock, Error, Timestamp};
use pulse_limiter::admission::Unconfirmed;
use pulse_work::{Next, Step, Sweep};

use crate::active_sales::ActiveSale;
use crate::app::{self, App};
use crate::domain::sale_status::SaleStatus;
use crate::store::admissions::{AdmissionRow, AdmissionState};
use crate::store::{counts, sales};

/// Interval between two rounds.
const INTERVAL: Duration = Duration::from_secs(1);
/// Overlap of two readings of changed sales: longer than the clock difference of nodes plus the duration of a commit.
const CHANGED_WITHIN: Duration = Duration::from_secs(30);
/// Maximum number of orphaned admissions of a sale that are recovered in a round.
const RECOVERED_MAX: u32 = 256;
/// Maximum number of attempts to write an orphaned admission.
const ATTEMPTS_MAX: u32 = 5;
/// Maximum number of changed sales that are read in a round.
const PAGE: i64 = 500;

/// The reconciler.
pub(crate) struct GateReconciler {
    app: App,
    /// Instant up to which changes of other nodes were read.
    read_until: Timestamp,
    /// Free units of engine and database at the last difference, by sale. A difference is corrected when it is the same in
    /// two rounds.
    differences: BTreeMap<i64, (i64, i64)>,
}

impl GateReconciler {
    pub(crate) fn new(app: App) -> Self {
        let read_until = app.deps.store.clock().now();
        Self { app, read_until, differences: BTreeMap::new() }
    }

    /// Runs one round. Returns the number of corrections and recovered admissions.
    async fn tick(&mut self) -> Result<usize, Error> {
        if self.app.deps.store.database().is_shared() {
            self.follow_others().await?;
        }
        let mut corrected = 0;
        let running = self.app.active_sales.all();
        for sale in &running {
            corrected += self.reconcile(sale).await?;
        }
        if !running.is_empty() {
            self.app.deps.sales.measure().await?;
        }
        Ok(corrected)
    }

    /// Updates the active sales with the changes of other nodes.
    async fn follow_others(&mut self) -> Result<(), Error> {
        let now = self.app.deps.store.clock().now();
        let since = self.read_until.minus(CHANGED_WITHIN);
        for row in sales::changed_since(&self.app.deps.store, since, PAGE).await? {
            if row.status != SaleStatus::Draft {
                self.app.active_sales.upsert(ActiveSale::of(&row));
            }
        }
        self.read_until = now;
        Ok(())
    }

    async fn reconcile(&mut self, sale: &ActiveSale) -> Result<usize, Error> {
        if !sale.is_ready {
            return Ok(0);
        }
        if self.app.deps.sales.stats(sale.id).await?.is_none() {
            tracing::warn!(sale_id = sale.id, "admission engine lost a sale; reloading it from the database");
            metrics::counter!("pulse_sale_gate_reloads_total").increment(1);
            app::preload(&self.app, sale.id).await?;
            return Ok(1);
        }
        let recovered = self.recover_orphans(sale).await?;
        Ok(recovered + usize::from(self.correct(sale.id).await?))
    }

    /// Writes admissions that a node accepted and did not write before it stopped.
    async fn recover_orphans(&self, sale: &ActiveSale) -> Result<usize, Error> {
        let (engine, idle) = (&self.app.deps.sales, self.app.deps.config.orphan_timeout);
        let found = engine.claim_unconfirmed(sale.id, idle, RECOVERED_MAX).await?;
        let count = found.len();
        for Unconfirmed { request, attempts } in found {
            let (sale_id, order_id) = (request.sale, request.admission);
            if attempts > ATTEMPTS_MAX {
                tracing::error!(sale_id, order_id, attempts, "orphaned admission cannot be written; dead-lettered");
                engine.dead_letter(sale_id, order_id, "it could not be written").await?;
                continue;
            }
            let row = AdmissionRow {
                sale: request.sale,
                account: request.buyer,
                order: request.admission,
                units: request.units.into(),
                state: AdmissionState::Waiting,
                // Known only to the node that stopped.
                network: 0,
                device: 0,
            };
            // Committed, sold out or a duplicate: in each case the engine no longer lists it as unconfirmed.
            self.app.admission_writer.submit(row)?.await?;
            metrics::counter!("pulse_sale_admissions_recovered_total").increment(1);
        }
        Ok(count)
    }

    /// Sets the free units of the engine to those of the database when both differ by the same numbers in two rounds: the
    /// difference of admissions in progress changes.
    async fn correct(&mut self, sale: i64) -> Result<bool, Error> {
        let counted = counts::of(&self.app.deps.store, sale).await?.free();
        let Some(stats) = self.app.deps.sales.stats(sale).await? else { return Ok(false) };
        if stats.free == counted {
            self.differences.remove(&sale);
            return Ok(false);
        }
        if self.differences.insert(sale, (stats.free, counted)) != Some((stats.free, counted)) {
            return Ok(false);
        }
        self.differences.remove(&sale);
        let (engine_free, database_free) = (stats.free, counted);
        tracing::warn!(sale_id = sale, engine_free, database_free, "free units of the admission engine corrected");
        metrics::counter!("pulse_sale_gate_corrections_total").increment(1);
        self.app.deps.sales.add(sale, counted.saturating_sub(stats.free)).await?;
        Ok(true)
    }
}

impl Step for GateReconciler {
    async fn step(&mut self) -> Result<Next, Error> {
        let failed = |_error: &Error| metrics::counter!("pulse_sale_gate_reconcile_errors_total").increment(1);
        self.tick().await.inspect_err(failed)?;
        Ok(Next::AfterPause)
    }
}

#[async_trait]
impl Pump for GateReconciler {
    async fn run(self: Box<Self>) {
        Sweep::every("sale.gate_reconciler", Clock::system(), INTERVAL).run(*self).await;
    }

    async fn run_due(&mut self) -> Result<usize, Error> {
        Box::pin(self.tick()).await
    }
}
