//! Active shops in memory, for nearby search. The index is built from the rows at the start and updated after commits.

use pulse_contract::errors as common;
use pulse_contract::shop::v1::ShopState;
use pulse_kernel::Error;
use pulse_kernel::id::ShopId;
use pulse_store::Store;
use tokio::sync::{Mutex, MutexGuard};

use crate::app::hours::Zones;
use crate::domain::nearby::{Change, Hit, NearbyIndex, Page, Query, ShopPoint};
use crate::store::shops::{self, ShopRow};

/// Number of rows that are read at once while the index is built.
const FILL_BATCH: i64 = 2_000;

/// Index of the active shops; empty on a node that does not serve nearby search.
#[derive(Debug)]
pub struct ActiveShops {
    index: Option<NearbyIndex>,
    order: Mutex<()>,
}

impl ActiveShops {
    pub(crate) fn new(is_served: bool) -> Self {
        Self { index: is_served.then(NearbyIndex::new), order: Mutex::default() }
    }

    /// Number of shops in the index.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.as_ref().map_or(0, NearbyIndex::len)
    }

    /// Whether the index is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lock that orders the changes of the index. Keep it from before a commit until its rows are applied, or from before a
    /// read until its row is applied, so that an older state never replaces a newer one.
    pub(crate) async fn in_order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().await
    }

    /// Applies the current state of rows: active shops are added, other shops are removed.
    pub(crate) fn apply<'a>(&self, rows: impl IntoIterator<Item = &'a ShopRow>, zones: &Zones) {
        let Some(index) = &self.index else { return };
        index.apply(rows.into_iter().map(|row| match row.state {
            ShopState::Active => Change::Put(point(row, zones)),
            ShopState::Unspecified
            | ShopState::PendingReview
            | ShopState::Rejected
            | ShopState::Closed
            | ShopState::Withdrawn => Change::Remove(row.id),
        }));
    }

    /// Reads one shop and applies its state.
    pub(crate) async fn reload(&self, store: &Store, id: ShopId, zones: &Zones) -> Result<(), Error> {
        if self.index.is_none() {
            return Ok(());
        }
        let _order = self.in_order().await;
        let row = shops::by_id(store, id).await?;
        self.apply(row.as_ref(), zones);
        Ok(())
    }

    /// Adds all active shops.
    pub(crate) async fn fill(&self, store: &Store, zones: &Zones) -> Result<(), Error> {
        if self.index.is_none() {
            return Ok(());
        }
        let _order = self.in_order().await;
        let mut after = ShopId::new(0);
        loop {
            let rows = shops::in_state(store, ShopState::Active, after, FILL_BATCH).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            self.apply(&rows, zones);
        }
    }

    /// Returns the page of the query; `view` converts each hit.
    ///
    /// # Errors
    /// `REMOTE_UNAVAILABLE` on a node that does not serve nearby search.
    pub(crate) fn search<T>(&self, query: &Query, view: impl FnMut(Hit, &ShopPoint) -> T) -> Result<Page<T>, Error> {
        let index = self.index.as_ref();
        let index = index.ok_or_else(|| common::REMOTE_UNAVAILABLE.error("this node does not serve nearby search"))?;
        Ok(index.search(query, view))
    }
}

fn point(row: &ShopRow, zones: &Zones) -> ShopPoint {
    let hours = row.details.hours.as_ref().and_then(|hours| zones.read(hours).ok());
    ShopPoint {
        id: row.id,
        name: row.name.as_str().into(),
        name_en: row.details.name_en.as_str().into(),
        at: row.at,
        category: row.category,
        price_level: row.price_level,
        rating_hundredths: row.rating_hundredths,
        rating_count: row.rating_count,
        schedule: hours.and_then(|hours| hours.schedule().cloned()),
    }
}
