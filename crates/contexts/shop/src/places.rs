//! The active shops in memory: where they are, and what a list of them shows.
//!
//! About 200 bytes a shop. Everything here follows from the rows and is built from them at the start.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use pulse_contract::shop::v1::ShopState;
use pulse_kernel::Error;
use pulse_kernel::id::ShopId;
use pulse_store::Store;
use tokio::sync::{Mutex, MutexGuard};

use crate::app::hours::Zones;
use crate::domain::geo::GeoPoint;
use crate::domain::hours::Schedule;
use crate::domain::nearby::{Change, NearbyIndex, Page, Query, ShopPoint};
use crate::store::shops::{self, ShopRow};

/// How many rows are read at a time when the index is built.
const FILL_BATCH: i64 = 2_000;

/// The active shops in memory.
#[derive(Debug, Default)]
pub struct Places {
    index: NearbyIndex,
    cards: RwLock<HashMap<ShopId, Arc<Card>>>,
    order: Mutex<()>,
}

/// What a list shows of a shop.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) name: Box<str>,
    pub(crate) name_en: Box<str>,
    pub(crate) category_code: i64,
    pub(crate) at: GeoPoint,
    pub(crate) price_level: u8,
    pub(crate) rating_hundredths: u16,
    pub(crate) rating_count: u32,
    pub(crate) schedule: Option<Arc<Schedule>>,
}

impl Places {
    /// How many shops there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps others from applying: hold it from before a commit until after applying what was committed, or from
    /// before reading a row until after applying it, so that an older state never overwrites a newer one.
    pub(crate) async fn in_order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().await
    }

    /// Takes in rows as they are now: active ones appear, others disappear.
    pub(crate) fn apply<'a>(&self, rows: impl IntoIterator<Item = &'a ShopRow>, zones: &Zones) {
        let (mut changes, mut seen, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            if row.state == ShopState::Active {
                let card = card(row, zones);
                changes.push(Change::Put(point(row, &card)));
                seen.push((row.id, Arc::new(card)));
            } else {
                changes.push(Change::Remove(row.id));
                gone.push(row.id);
            }
        }
        let mut cards = self.cards.write();
        cards.extend(seen);
        for id in gone {
            cards.remove(&id);
        }
        drop(cards);
        self.index.apply(changes);
    }

    /// Reads one shop again and takes it in.
    pub(crate) async fn reload(&self, store: &Store, id: ShopId, zones: &Zones) -> Result<(), Error> {
        let _order = self.in_order().await;
        let row = shops::by_id(store, id).await?;
        self.apply(row.as_ref(), zones);
        Ok(())
    }

    /// Reads every active shop.
    pub(crate) async fn fill(&self, store: &Store, zones: &Zones) -> Result<(), Error> {
        let _order = self.in_order().await;
        let mut after = ShopId::new(0);
        loop {
            let rows = shops::in_state(store, ShopState::Active, after, FILL_BATCH).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            self.apply(&rows, zones);
        }
    }

    /// The hits of a query, each with its card.
    pub(crate) fn search(&self, query: &Query) -> (Page, Vec<Option<Arc<Card>>>) {
        let page = self.index.search(query);
        let cards = self.cards.read();
        let found = page.hits.iter().map(|hit| cards.get(&hit.id).cloned()).collect();
        (page, found)
    }
}

fn card(row: &ShopRow, zones: &Zones) -> Card {
    let hours = row.details.hours.as_ref().and_then(|hours| zones.read(hours).ok());
    Card {
        name: row.name.as_str().into(),
        name_en: row.details.name_en.as_str().into(),
        category_code: row.category.get(),
        at: row.at,
        price_level: row.price_level,
        rating_hundredths: row.rating_hundredths,
        rating_count: row.rating_count,
        schedule: hours.and_then(|hours| hours.schedule().cloned()),
    }
}

fn point(row: &ShopRow, card: &Card) -> ShopPoint {
    ShopPoint {
        id: row.id,
        at: row.at,
        category: row.category,
        price_level: row.price_level,
        rating_hundredths: row.rating_hundredths,
        schedule: card.schedule.clone(),
    }
}
