//! Who keeps the gate, the rows and what is in memory in step, where several nodes share them.
//!
//! A gate that outlives this process can be lost while a sale runs, and can hold what a dead node left. Rows can be changed
//! by another node. A commit of which nobody knows whether it happened leaves the gate with other numbers than the rows. The
//! keeper looks at all of it again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use pulse_context::Pump;
use pulse_kernel::{Error, Timestamp};
use pulse_limiter::admission::Unconfirmed;
use tokio::time::sleep;

use crate::app::{self, App};
use crate::domain::stage::Stage;
use crate::floor::Running;
use crate::register::Written;
use crate::store::admissions::{AdmissionRow, AdmissionState};
use crate::store::{counts, sales};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How far back it looks for sales that others have changed: further than clocks and commits of nodes are apart.
const CHANGED_WITHIN: Duration = Duration::from_secs(30);
/// How many admissions of a dead node are taken over at a time.
const TAKEN_OVER_MAX: u32 = 256;
/// How often an admission is taken over that cannot be written.
const ATTEMPTS_MAX: u32 = 5;
/// How many sales are read at a time.
const PAGE: i64 = 500;

/// Keeps gate, rows and memory in step until it is dropped.
pub(crate) struct Keeper {
    app: App,
    /// Up to when it has seen what others changed.
    looked_at: Timestamp,
    /// What gate and count had free when they differed, by sale: it is put right when it is the same the next time.
    differed: BTreeMap<i64, (i64, i64)>,
}

impl Keeper {
    pub(crate) fn new(app: App) -> Self {
        let looked_at = app.deps.store.clock().now();
        Self { app, looked_at, differed: BTreeMap::new() }
    }

    /// Keeps for ever.
    async fn run(mut self) {
        loop {
            if let Err(error) = self.look().await {
                metrics::counter!("pulse_sale_keeper_failures_total").increment(1);
                tracing::warn!(error = error.report(), "gate and rows of sales could not be compared");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Looks once at everything; says how much it has put right.
    ///
    /// # Errors
    /// When store or gate do not answer; it is looked at again.
    async fn look(&mut self) -> Result<usize, Error> {
        if self.app.deps.store.database().is_shared() {
            self.follow_others().await?;
        }
        let mut righted = 0;
        let running = self.app.floor.running();
        for sale in &running {
            righted += self.keep(sale).await?;
        }
        if !running.is_empty() {
            self.app.deps.sales.measure().await?;
        }
        Ok(righted)
    }

    /// Shows what other nodes have made of their sales.
    async fn follow_others(&mut self) -> Result<(), Error> {
        let now = self.app.deps.store.clock().now();
        let since = self.looked_at.minus(CHANGED_WITHIN);
        for row in sales::changed_since(&self.app.deps.store, since, PAGE).await? {
            if row.stage != Stage::Draft {
                self.app.floor.show(Running::of(&row));
            }
        }
        self.looked_at = now;
        Ok(())
    }

    async fn keep(&mut self, sale: &Running) -> Result<usize, Error> {
        if !sale.is_ready {
            return Ok(0);
        }
        if self.app.deps.sales.stats(sale.id).await?.is_none() {
            tracing::warn!(sale = sale.id, "the gate of a sale was lost and is loaded again");
            metrics::counter!("pulse_sale_gates_loaded_total").increment(1);
            app::warm(&self.app, sale.id).await?;
            return Ok(1);
        }
        let taken_over = self.take_over(sale).await?;
        Ok(taken_over + usize::from(self.compare(sale.id).await?))
    }

    /// Writes what a node admitted that died before it had written it.
    async fn take_over(&self, sale: &Running) -> Result<usize, Error> {
        let (gate, idle) = (&self.app.deps.sales, self.app.deps.config.orphan_timeout);
        let found = gate.claim_unconfirmed(sale.id, idle, TAKEN_OVER_MAX).await?;
        let count = found.len();
        for Unconfirmed { request, attempts } in found {
            if attempts > ATTEMPTS_MAX {
                tracing::error!(
                    sale = request.sale,
                    order = request.admission,
                    "an admission of a dead node cannot be written"
                );
                gate.dead_letter(request.sale, request.admission, "it could not be written").await?;
                continue;
            }
            let row = AdmissionRow {
                sale: request.sale,
                account: request.buyer,
                order: request.admission,
                units: request.units.into(),
                state: AdmissionState::Waiting,
                // What only the node knew that died.
                network: 0,
                device: 0,
            };
            let written = self.app.register.hand_in(row)?.await;
            match written {
                Ok(Written::Yes | Written::SoldOut | Written::Before(_)) => {
                    metrics::counter!("pulse_sale_taken_over_total").increment(1);
                }
                Ok(Written::Failed(error)) => return Err(error),
                Err(gone) => {
                    return Err(pulse_contract::errors::DRAINING.error("sales are not kept here").caused_by(gone));
                }
            }
        }
        Ok(count)
    }

    /// Puts the gate right when it has had another number of free units than the count, twice the same: what is under way
    /// makes a difference that moves.
    async fn compare(&mut self, sale: i64) -> Result<bool, Error> {
        let count = counts::of(&self.app.deps.store, sale).await?.free();
        let Some(standing) = self.app.deps.sales.stats(sale).await? else { return Ok(false) };
        if standing.free == count {
            self.differed.remove(&sale);
            return Ok(false);
        }
        if self.differed.insert(sale, (standing.free, count)) != Some((standing.free, count)) {
            return Ok(false);
        }
        self.differed.remove(&sale);
        tracing::warn!(sale, gate = standing.free, count, "a gate was put right");
        metrics::counter!("pulse_sale_gates_righted_total").increment(1);
        self.app.deps.sales.add(sale, count.saturating_sub(standing.free)).await?;
        Ok(true)
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("looked_at", &self.looked_at).finish_non_exhaustive()
    }
}

#[async_trait]
impl Pump for Keeper {
    async fn run(self: Box<Self>) {
        Self::run(*self).await;
    }

    async fn run_due(&mut self) -> Result<usize, Error> {
        Box::pin(Self::look(self)).await
    }
}
