//! Checks of invariants on rows that others change meanwhile.

use pulse_kernel::finding::FINDINGS_MAX;
use pulse_kernel::{Finding, Verified};

/// Maximum number of readings of a row by [`read_stable`].
pub const READINGS_MAX: u32 = 5;

/// Collects what an audit has checked, found and repaired, by invariant.
#[derive(Debug)]
pub struct Audit {
    is_repairing: bool,
    tallies: Vec<Tally>,
    findings: Vec<Finding>,
}

/// Numbers of one invariant.
#[derive(Debug)]
struct Tally {
    invariant: &'static str,
    checked: u64,
    found: usize,
    repaired: u64,
}

impl Tally {
    const fn new(invariant: &'static str) -> Self {
        Self { invariant, checked: 0, found: 0, repaired: 0 }
    }
}

impl Audit {
    /// An audit of these invariants, which the result lists in this order. With `is_repairing` it repairs what it can.
    #[must_use]
    pub fn new(invariants: &[&'static str], is_repairing: bool) -> Self {
        Self { is_repairing, tallies: invariants.iter().copied().map(Tally::new).collect(), findings: Vec::new() }
    }

    /// Whether rows are to be repaired.
    #[must_use]
    pub const fn is_repairing(&self) -> bool {
        self.is_repairing
    }

    /// Adds to the number of rows that were checked for an invariant.
    pub fn checked(&mut self, invariant: &'static str, count: impl TryInto<u64>) {
        let tally = self.tally(invariant);
        tally.checked = tally.checked.saturating_add(count.try_into().unwrap_or(u64::MAX));
    }

    /// Reports a row for which an invariant does not hold, and whether it was repaired. At most [`FINDINGS_MAX`] findings
    /// of an invariant are listed; further ones are counted.
    pub fn found(&mut self, invariant: &'static str, subject: String, detail: String, is_repaired: bool) {
        let tally = self.tally(invariant);
        tally.found += 1;
        tally.repaired += u64::from(is_repaired);
        if tally.found <= FINDINGS_MAX {
            self.findings.push(Finding { invariant, subject, detail, is_repaired });
        }
    }

    /// Number of repaired rows, those beyond the listed findings included.
    #[must_use]
    pub fn repaired_count(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.repaired).sum()
    }

    /// Ends the audit. Logs the numbers of repairs and of findings that are not listed.
    #[must_use]
    pub fn finish(self) -> Verified {
        for Tally { invariant, found, repaired, .. } in &self.tallies {
            if *repaired > 0 {
                tracing::info!(invariant, repaired, "audit repaired rows");
            }
            if *found > FINDINGS_MAX {
                tracing::warn!(invariant, found, listed = FINDINGS_MAX, "audit has more findings than it lists");
            }
        }
        let checked = self.tallies.iter().map(|tally| (tally.invariant, tally.checked)).collect();
        Verified { checked, findings: self.findings }
    }

    fn tally(&mut self, invariant: &'static str) -> &mut Tally {
        let known = self.tallies.iter().position(|tally| tally.invariant == invariant);
        let index = known.unwrap_or_else(|| {
            self.tallies.push(Tally::new(invariant));
            self.tallies.len() - 1
        });
        &mut self.tallies[index]
    }
}

/// Walks over the rows of a table in the order of their keys, page by page.
#[derive(Debug)]
pub struct Pages<K> {
    after: K,
    row_count: u64,
}

impl<K: Clone> Pages<K> {
    /// Starts behind `after`, which is below every key.
    #[must_use]
    pub const fn after(after: K) -> Self {
        Self { after, row_count: 0 }
    }

    /// Reads the next page: the first rows behind a key, in the order of their keys. `None` when there are no more.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn next<R, E, F>(
        &mut self,
        read: impl FnOnce(K) -> F,
        key: impl FnOnce(&R) -> K,
    ) -> Result<Option<Vec<R>>, E>
    where
        F: Future<Output = Result<Vec<R>, E>>,
    {
        let page = read(self.after.clone()).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = key(last);
        self.row_count = self.row_count.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
        Ok(Some(page))
    }

    /// Number of rows that were read.
    #[must_use]
    pub const fn row_count(&self) -> u64 {
        self.row_count
    }
}

/// Reads a row and what belongs to it as of one moment: repeats both until the row is the same before and after.
///
/// `None` when the row does not exist, or was changed during each of [`READINGS_MAX`] readings: it is left to the next
/// audit.
///
/// # Errors
/// Those of the readings.
pub async fn read_stable<R, T, E, RowRead, RelatedRead>(
    mut row: impl FnMut() -> RowRead,
    mut related: impl FnMut(R) -> RelatedRead,
) -> Result<Option<(R, T)>, E>
where
    R: Clone + PartialEq,
    RowRead: Future<Output = Result<Option<R>, E>>,
    RelatedRead: Future<Output = Result<T, E>>,
{
    let Some(mut before) = row().await? else { return Ok(None) };
    for _ in 0..READINGS_MAX {
        let found = related(before.clone()).await?;
        match row().await? {
            Some(after) if after == before => return Ok(Some((after, found))),
            Some(after) => before = after,
            None => return Ok(None),
        }
    }
    Ok(None)
}
