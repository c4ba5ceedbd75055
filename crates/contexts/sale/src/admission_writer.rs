//! Writes admissions in groups, one task per node, so that one flush of the disk serves many.
//!
//! A caller gets its outcome after its group is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pulse_contract::sale::v1::errors;
use pulse_kernel::{Cx, Error};
use pulse_limiter::admission::{AdmissionEngine, AdmissionRequest};
use pulse_store::{Commit, Store, StoreError};
use pulse_work::{Answer, Batcher, BatcherOptions, Group, Worker};
use tokio::sync::Notify;

use crate::SaleConfig;
use crate::store::admissions::{self, AdmissionRow};
use crate::store::counts;

/// Name of the batcher in log lines, and actor of its commits.
const NAME: &str = "sale.admission_writer";
/// Delay after which a buyer retries when the queue is full.
const RETRY_IN: Duration = Duration::from_secs(1);

/// Queue of admissions. Cheap to clone; the task ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct AdmissionWriter {
    queue: Batcher<AdmissionRow, WriteOutcome>,
    /// Number of admissions that were written since the start.
    written: Arc<AtomicU64>,
}

/// Outcome of a submitted admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// The admission is on disk.
    Committed,
    /// The durable count has fewer free units than the admission engine assumed.
    SoldOut,
    /// The account has an earlier admission, which the admission engine did not know.
    Duplicate(AdmissionRow),
}

impl AdmissionWriter {
    /// Starts the task. `admitted` is notified after each commit.
    pub(crate) fn start(
        (store, engine): (Store, Arc<dyn AdmissionEngine>),
        admitted: Arc<Notify>,
        config: &SaleConfig,
    ) -> Self {
        let written = Arc::<AtomicU64>::default();
        let options = BatcherOptions::new(NAME, config.queue_max, config.batch_max)
            .on_full(|| errors::SALE_BUSY.error("the admission queue is full; nothing was done").retry_in(RETRY_IN));
        let task = WriterTask { store, engine, admitted, written: Arc::clone(&written) };
        Self { queue: Batcher::start(options, task), written }
    }

    /// Returns the number of admissions that were written since the start.
    pub(crate) fn written_count(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Submits an admission that the engine accepted. It is written from here on, whether the answer is awaited or not.
    /// An answer with an error means that the admission is not written, or that its outcome is unknown.
    ///
    /// # Errors
    /// `SALE_BUSY` when the queue is full; the admission then exists only in the engine.
    pub(crate) fn submit(&self, row: AdmissionRow) -> Result<Answer<WriteOutcome>, Error> {
        self.queue.submit(row)
    }
}

/// Writes the groups.
struct WriterTask {
    store: Store,
    engine: Arc<dyn AdmissionEngine>,
    admitted: Arc<Notify>,
    written: Arc<AtomicU64>,
}

impl Worker for WriterTask {
    type Job = AdmissionRow;
    type Outcome = WriteOutcome;

    async fn handle(&mut self, group: &mut Group<AdmissionRow, WriteOutcome>) {
        metrics::histogram!("pulse_sale_commit_batch_size").record(u32::try_from(group.len()).unwrap_or(u32::MAX));
        // Each round commits the rest of the group, or removes the admissions that cannot be committed.
        while !group.is_empty() {
            self.write(group).await;
        }
    }
}

impl WriterTask {
    /// Commits the group and answers it, or answers the admissions that conflict with the database.
    async fn write(&self, group: &mut Group<AdmissionRow, WriteOutcome>) {
        let now = self.store.clock().now();
        match self.store.commit(&Cx::system(NAME, now), commit(group.jobs())).await {
            Ok(()) => {
                let count = u64::try_from(group.len()).unwrap_or(u64::MAX);
                self.written.fetch_add(count, Ordering::Relaxed);
                metrics::counter!("pulse_sale_admissions_total").increment(count);
                self.confirm(group.jobs());
                group.answer_where(|_row| Some(Ok(WriteOutcome::Committed)));
                self.admitted.notify_one();
            }
            Err(StoreError::Refused(spec))
                if [errors::SALE_SOLD_OUT.code, errors::SALE_TICKET_USED.code].contains(&spec.code) =>
            {
                self.resolve_conflicts(group).await;
            }
            Err(error @ StoreError::Unavailable { is_outcome_unknown: true, .. }) => {
                // The admissions keep their units in the engine: they may be on disk.
                tracing::error!(%error, admissions = group.len(), "commit of admissions has an unknown outcome");
                group.fail(&error.into());
            }
            Err(error) => {
                for row in group.jobs() {
                    self.cancel(row).await;
                }
                group.fail(&error.into());
            }
        }
    }

    /// Answers the admissions that the database rejects; the others stay in the group. The engine accepted them because it
    /// was lost, is behind, or missed a confirmation.
    async fn resolve_conflicts(&self, group: &mut Group<AdmissionRow, WriteOutcome>) {
        let (known, free) = match self.look_up(group.jobs()).await {
            Ok(found) => found,
            // This attempt wrote nothing, but an earlier one may have: the admissions keep their units in the engine.
            Err(error) => return group.fail(&error),
        };
        tracing::warn!(?free, admissions = group.len(), "admissions rejected by database after accept by the engine");
        let resolutions = resolve(group.jobs(), &known, free);
        for (row, resolution) in group.jobs().iter().zip(&resolutions) {
            match resolution {
                Resolution::Retry => {}
                Resolution::Committed => self.confirm(std::slice::from_ref(row)),
                Resolution::Duplicate(_) | Resolution::InFlight | Resolution::SoldOut => self.cancel(row).await,
            }
        }
        let mut resolutions = resolutions.into_iter();
        group.answer_where(|_row| resolutions.next().and_then(Resolution::outcome));
    }

    /// Reads the admissions of the accounts of a group, and the free units of its sales.
    async fn look_up(&self, group: &[AdmissionRow]) -> Result<(Known, BTreeMap<i64, i64>), Error> {
        let mut accounts: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        group.iter().for_each(|row| accounts.entry(row.sale).or_default().push(row.account));
        let counted = counts::of_all(&self.store, accounts.keys().copied()).await?;
        let free = counted.iter().map(|count| (count.sale, count.free())).collect();
        let mut known = Known::new();
        for (sale, accounts) in accounts {
            let rows = admissions::of_accounts(&self.store, sale, accounts).await?;
            known.extend(rows.into_iter().map(|row| ((row.sale, row.account), row)));
        }
        Ok((known, free))
    }

    /// Confirms written admissions to an engine that outlives this process, without waiting for it. If the confirmation is
    /// lost, another node submits them again and finds them written.
    fn confirm(&self, group: &[AdmissionRow]) {
        if !self.engine.is_external() {
            return;
        }
        let mut written: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        group.iter().for_each(|row| written.entry(row.sale).or_default().push(row.order));
        let engine = Arc::clone(&self.engine);
        tokio::spawn(async move {
            for (sale, orders) in written {
                if let Err(error) = engine.confirm(sale, &orders).await {
                    tracing::debug!(error = error.report(), sale_id = sale, "admission engine missed a confirmation");
                }
            }
        });
    }

    /// Cancels an admission in the engine. If the cancellation is lost, the gate reconciler releases its units.
    async fn cancel(&self, row: &AdmissionRow) {
        if let Err(error) = self.engine.cancel(request(row)).await {
            let error = error.report();
            tracing::warn!(error, sale_id = row.sale, order_id = row.order, "admission engine missed a cancellation");
        }
    }
}

/// Admissions by sale and account.
type Known = BTreeMap<(i64, i64), AdmissionRow>;

/// What becomes of an admission of a group that the database rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// It is committed in the next round.
    Retry,
    /// It is on disk by an earlier commit, whose confirmation was lost.
    Committed,
    /// The account has another admission.
    Duplicate(AdmissionRow),
    /// An earlier admission of the account is in the same group.
    InFlight,
    /// No units are left.
    SoldOut,
}

impl Resolution {
    fn outcome(self) -> Option<Result<WriteOutcome, Error>> {
        let in_flight = || errors::SALE_BUSY.error("an earlier request of the buyer is in progress").retry_in(RETRY_IN);
        match self {
            Self::Retry => None,
            Self::Committed => Some(Ok(WriteOutcome::Committed)),
            Self::Duplicate(first) => Some(Ok(WriteOutcome::Duplicate(first))),
            Self::InFlight => Some(Err(in_flight())),
            Self::SoldOut => Some(Ok(WriteOutcome::SoldOut)),
        }
    }
}

/// Decides about each admission of a group: those that the database knows come first, the free units go to the others in
/// their order.
fn resolve(group: &[AdmissionRow], known: &Known, mut free: BTreeMap<i64, i64>) -> Vec<Resolution> {
    let mut buyers = BTreeSet::new();
    let resolution = |row: &AdmissionRow| {
        let key = (row.sale, row.account);
        match (known.get(&key).copied(), free.get_mut(&row.sale)) {
            (Some(first), _) if first.order == row.order => Resolution::Committed,
            (Some(first), _) => Resolution::Duplicate(first),
            (None, _) if buyers.contains(&key) => Resolution::InFlight,
            (None, Some(free)) if *free >= row.units => {
                *free -= row.units;
                buyers.insert(key);
                Resolution::Retry
            }
            (None, Some(_) | None) => Resolution::SoldOut,
        }
    };
    group.iter().map(resolution).collect()
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

/// The request to the admission engine for an admission.
pub(crate) fn request(row: &AdmissionRow) -> AdmissionRequest {
    AdmissionRequest {
        sale: row.sale,
        buyer: row.account,
        admission: row.order,
        units: u32::try_from(row.units).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::admissions::AdmissionState;

    fn row((sale, account, order): (i64, i64, i64), units: i64) -> AdmissionRow {
        AdmissionRow { sale, account, order, units, state: AdmissionState::Waiting, network: 0, device: 0 }
    }

    #[test]
    fn a_rejected_group_is_resolved_in_its_order() {
        let [written, other] = [row((1, 10, 100), 1), row((1, 11, 90), 1)];
        let known = Known::from([((1, 10), written), ((1, 11), other)]);
        let group = [
            written,
            row((1, 11, 101), 1),
            row((1, 12, 102), 2),
            row((1, 12, 103), 1),
            row((1, 13, 104), 2),
            row((1, 14, 105), 1),
            row((2, 15, 106), 1),
        ];
        let expected = [
            Resolution::Committed,
            Resolution::Duplicate(other),
            Resolution::Retry,
            Resolution::InFlight,
            Resolution::SoldOut,
            Resolution::Retry,
            Resolution::SoldOut,
        ];
        assert_eq!(resolve(&group, &known, BTreeMap::from([(1, 3)])), expected);
    }
}
