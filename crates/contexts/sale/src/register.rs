//! The register: one task per node that writes admissions in groups, so that a flush of the disk serves many.
//!
//! While one group is being written the next one gathers: the busier it is, the larger the groups. Nobody is answered
//! before their group is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pulse_contract::errors as common;
use pulse_contract::sale::v1::errors;
use pulse_kernel::{Cx, Error};
use pulse_limiter::admission::{AdmissionEngine, AdmissionRequest};
use pulse_store::{Commit, Store, StoreError};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::config::SaleConfig;
use crate::store::admissions::{self, AdmissionRow};
use crate::store::counts;

/// When somebody who found the queue full should come back.
const RETRY_IN: Duration = Duration::from_secs(1);

/// Where admissions are handed in. Cheap to clone; the task ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Register {
    queue: mpsc::Sender<Work>,
    /// How many admissions were written since the start.
    written: Arc<AtomicU64>,
}

/// Something to be written, and whom to tell.
#[derive(Debug)]
struct Work {
    row: AdmissionRow,
    written: oneshot::Sender<Written>,
}

/// What became of an admission.
#[derive(Debug)]
pub(crate) enum Written {
    /// It is on disk.
    Yes,
    /// The durable count had fewer units than the gate.
    SoldOut,
    /// The account was admitted before, as the gate did not know.
    Before(AdmissionRow),
    /// It is not written, or nobody knows.
    Failed(Error),
}

impl Register {
    /// Starts the task.
    pub(crate) fn start(
        (store, gate): (Store, Arc<dyn AdmissionEngine>),
        admitted: Arc<Notify>,
        config: &SaleConfig,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(config.queue_max.max(1));
        let written = Arc::<AtomicU64>::default();
        let counter = Arc::clone(&written);
        let clerk = Clerk { store, gate, admitted, written: counter, batch_max: config.batch_max.max(1) };
        tokio::spawn(clerk.serve(waiting));
        Self { queue, written }
    }

    /// How many admissions were written since the start.
    pub(crate) fn written_count(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Hands in an admission of the gate. From here on it is written, whether somebody waits or not.
    ///
    /// # Errors
    /// `SALE_BUSY` when too many wait; the admission is then still the gate's alone.
    pub(crate) fn hand_in(&self, row: AdmissionRow) -> Result<oneshot::Receiver<Written>, Error> {
        let (written, answer) = oneshot::channel();
        self.queue.try_send(Work { row, written }).map_err(|unsent| match unsent {
            mpsc::error::TrySendError::Full(_) => {
                errors::SALE_BUSY.error("too many wait to be written; nothing was done").retry_in(RETRY_IN)
            }
            mpsc::error::TrySendError::Closed(_) => common::DRAINING.error("sales are not kept here any more"),
        })?;
        Ok(answer)
    }
}

/// Admissions by sale and account.
type Known = BTreeMap<(i64, i64), AdmissionRow>;

/// Who keeps the register.
struct Clerk {
    store: Store,
    gate: Arc<dyn AdmissionEngine>,
    /// Rings when there is something to make orders of.
    admitted: Arc<Notify>,
    written: Arc<AtomicU64>,
    batch_max: usize,
}

impl Clerk {
    async fn serve(self, mut queue: mpsc::Receiver<Work>) {
        let mut group = Vec::with_capacity(self.batch_max);
        while queue.recv_many(&mut group, self.batch_max).await > 0 {
            metrics::histogram!("pulse_sale_group_size").record(u32::try_from(group.len()).unwrap_or(u32::MAX));
            // Each round writes what is left of the group, or takes out of it who cannot be written.
            while !group.is_empty() {
                group = self.write(group).await;
            }
        }
    }

    /// Writes a group and answers it; gives back who is to be tried again.
    async fn write(&self, group: Vec<Work>) -> Vec<Work> {
        let now = self.store.clock().now();
        let rows: Vec<AdmissionRow> = group.iter().map(|work| work.row).collect();
        match self.store.commit(&Cx::system("sale.register", now), commit(&rows)).await {
            Ok(()) => {
                let count = u64::try_from(group.len()).unwrap_or(u64::MAX);
                self.written.fetch_add(count, Ordering::Relaxed);
                metrics::counter!("pulse_sale_admissions_total").increment(count);
                self.confirm(&group);
                group.into_iter().for_each(|work| answer(work, Written::Yes));
                self.admitted.notify_one();
                Vec::new()
            }
            Err(StoreError::Refused(spec))
                if [errors::SALE_SOLD_OUT.code, errors::SALE_TICKET_USED.code].contains(&spec.code) =>
            {
                self.sift(group).await
            }
            Err(error @ StoreError::Unavailable { is_outcome_unknown: true, .. }) => {
                // The units stay theirs: the rows may be there.
                tracing::error!(%error, admissions = group.len(), "nobody knows whether a group of admissions is written");
                self.fail(group, &error.into(), false).await
            }
            Err(error) => self.fail(group, &error.into(), true).await,
        }
    }

    /// A gate that was lost, is behind, or was not heard let somebody in whom the rows refuse. Whoever is in the rows is
    /// told so, before anybody is told that nothing is left; of the others the first ones have the units that there are.
    async fn sift(&self, group: Vec<Work>) -> Vec<Work> {
        let (known, mut free) = match self.look_up(&group).await {
            Ok(found) => found,
            // Nothing of the group is written by this attempt, and perhaps by an earlier one: the units stay theirs.
            Err(error) => return self.fail(group, &error, false).await,
        };
        tracing::warn!(?free, admissions = group.len(), "a gate let somebody in whom the rows refuse");
        let mut kept = Vec::with_capacity(group.len());
        let mut buyers = BTreeSet::new();
        for work in group {
            let (row, key) = (work.row, (work.row.sale, work.row.account));
            match (known.get(&key).copied(), free.get_mut(&row.sale)) {
                // It was written before, and whoever wrote it died or never heard so.
                (Some(first), _) if first.order == row.order => {
                    self.confirm(std::slice::from_ref(&work));
                    answer(work, Written::Yes);
                }
                (Some(first), _) => {
                    self.revoke(&row).await;
                    answer(work, Written::Before(first));
                }
                // A gate that was lost in between let them in twice; the first one is written.
                (None, _) if buyers.contains(&key) => {
                    self.revoke(&row).await;
                    let busy = errors::SALE_BUSY.error("the first request of the buyer is still under way");
                    answer(work, Written::Failed(busy.retry_in(RETRY_IN)));
                }
                (None, Some(free)) if *free >= row.units => {
                    *free -= row.units;
                    buyers.insert(key);
                    kept.push(work);
                }
                (None, Some(_) | None) => {
                    self.revoke(&row).await;
                    answer(work, Written::SoldOut);
                }
            }
        }
        kept
    }

    /// The admissions that the accounts of a group have, and the free units of its sales.
    async fn look_up(&self, group: &[Work]) -> Result<(Known, BTreeMap<i64, i64>), Error> {
        let mut accounts: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        group.iter().for_each(|work| accounts.entry(work.row.sale).or_default().push(work.row.account));
        let counted = counts::of_all(&self.store, accounts.keys().copied()).await?;
        let free = counted.iter().map(|count| (count.sale, count.free())).collect();
        let mut known = Known::new();
        for (sale, accounts) in accounts {
            let rows = admissions::of_accounts(&self.store, sale, accounts).await?;
            known.extend(rows.into_iter().map(|row| ((row.sale, row.account), row)));
        }
        Ok((known, free))
    }

    async fn fail(&self, group: Vec<Work>, error: &Error, is_undone: bool) -> Vec<Work> {
        for work in group {
            if is_undone {
                self.revoke(&work.row).await;
            }
            answer(work, Written::Failed(again(error)));
        }
        Vec::new()
    }

    /// Tells a gate that outlives us that these are written; when it does not hear, another node finds them written.
    fn confirm(&self, group: &[Work]) {
        if !self.gate.is_external() {
            return;
        }
        let mut written: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        group.iter().for_each(|work| written.entry(work.row.sale).or_default().push(work.row.order));
        let gate = Arc::clone(&self.gate);
        // Nobody waits for it: it is about what happens after a crash.
        tokio::spawn(async move {
            for (sale, orders) in written {
                if let Err(error) = gate.confirm(sale, &orders).await {
                    tracing::debug!(error = error.report(), sale, "a gate did not hear that admissions are written");
                }
            }
        });
    }

    /// Tells the gate that an admission came to nothing. When it does not hear, its units are free with the next
    /// comparison of gate and count.
    async fn revoke(&self, row: &AdmissionRow) {
        if let Err(error) = self.gate.cancel(ask(row)).await {
            tracing::warn!(error = error.report(), sale = row.sale, "the gate keeps an admission that came to nothing");
        }
    }
}

/// The rows of a group, and their units in the counts of their sales.
fn commit(rows: &[AdmissionRow]) -> Commit {
    let mut taken: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for row in rows {
        let (units, admissions) = taken.entry(row.sale).or_default();
        *units += row.units;
        *admissions += 1;
    }
    let counted = taken
        .into_iter()
        .fold(Commit::new(), |commit, (sale, (units, admissions))| counts::take(commit, sale, units, admissions));
    admissions::insert(counted, rows)
}

/// What the gate was asked for this admission.
pub(crate) fn ask(row: &AdmissionRow) -> AdmissionRequest {
    AdmissionRequest {
        sale: row.sale,
        buyer: row.account,
        admission: row.order,
        units: u32::try_from(row.units).unwrap_or(u32::MAX),
    }
}

fn answer(work: Work, written: Written) {
    // A caller that has gone away does not need its answer; what was written stands.
    work.written.send(written).unwrap_or_default();
}

/// The same error for one more of those who wait.
fn again(error: &Error) -> Error {
    let same = error.spec().error(error.detail().to_owned()).caused_by(error.report());
    match error.retry_after() {
        Some(wait) => same.retry_in(wait),
        None => same,
    }
}
