//! What is nearby: an index in memory over all shops, nearest first, page by page.
//!
//! The answer equals a scan of all shops with [`geo::distance_mm`], everywhere on the earth. Searches never wait: they
//! read a snapshot, and a change copies the few nodes that it touches.

mod search;
mod tree;
mod trees;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use compact_str::CompactString;
use parking_lot::Mutex;
use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;

use super::category::Code;
use super::geo::GeoPoint;
use super::hours::Schedule;
use trees::Trees;

/// How far a search may reach, in metres.
pub const RADIUS_M_MAX: u32 = 50_000;
/// How many hits a page may have.
pub const LIMIT_MAX: usize = 100;

/// A shop as a search sees it and as a list shows it.
#[derive(Clone, Debug)]
pub struct ShopPoint {
    /// Which shop.
    pub id: ShopId,
    /// What it is called.
    pub name: CompactString,
    /// What it is called in English; may be empty.
    pub name_en: CompactString,
    /// Where it is.
    pub at: GeoPoint,
    /// What it is.
    pub category: Code,
    /// 1 to 4, 0 when not known.
    pub price_level: u8,
    /// Mean rating in hundredths, 0 while there is none.
    pub rating_hundredths: u16,
    /// How many ratings the mean is of.
    pub rating_count: u32,
    /// When it is open, as far as that is known.
    pub schedule: Option<Arc<Schedule>>,
}

/// A change of the index.
#[derive(Clone, Debug)]
pub enum Change {
    /// The shop is new, or something of it changed.
    Put(ShopPoint),
    /// The shop shall not be found any more.
    Remove(ShopId),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// From where.
    pub center: GeoPoint,
    /// How far at most, in metres; no more than [`RADIUS_M_MAX`] is searched.
    pub radius_m: u32,
    /// Only this category and what is below it.
    pub category: Code,
    /// Only these price levels; level 0 is "not known".
    pub price_level: RangeInclusive<u8>,
    /// Only shops with at least this mean rating, in hundredths.
    pub rating_hundredths_min: u16,
    /// Only shops that are open at this instant; those whose hours are not known are left out.
    pub open_at: Option<Timestamp>,
    /// Only these shops; empty for all.
    pub only: BTreeSet<ShopId>,
    /// How many hits at most, 1 to [`LIMIT_MAX`].
    pub limit: usize,
    /// Only what comes after this hit.
    pub after: Option<Cursor>,
}

impl Query {
    /// The first page of everything around a point.
    #[must_use]
    pub fn around(center: GeoPoint, radius_m: u32) -> Self {
        Self {
            center,
            radius_m,
            category: Code::ALL,
            price_level: 0..=u8::MAX,
            rating_hundredths_min: 0,
            open_at: None,
            only: BTreeSet::new(),
            limit: LIMIT_MAX,
            after: None,
        }
    }
}

/// A shop that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// How far it is, in millimetres. First in order.
    pub distance_mm: u64,
    /// Which shop. Decides between equally near ones.
    pub id: ShopId,
}

/// Where a page ended. Stays good whatever is added or removed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub Hit);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.distance_mm, self.0.id.get())
    }
}

/// The text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (distance, id) = text.split_once('-').ok_or(NotACursor)?;
        match (distance.parse(), id.parse()) {
            (Ok(distance_mm), Ok(id)) => Ok(Self(Hit { distance_mm, id: ShopId::new(id) })),
            _ => Err(NotACursor),
        }
    }
}

/// One page of hits, nearest first, as they were viewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The hits.
    pub hits: Vec<T>,
    /// Asks for the next page; `None` on the last.
    pub next: Option<Cursor>,
}

/// All shops by place. Share it behind an [`Arc`].
#[derive(Debug, Default)]
pub struct NearbyIndex {
    current: ArcSwap<Trees>,
    writer: Mutex<Writer>,
}

/// What only changes need.
#[derive(Debug, Default)]
struct Writer {
    trees: Trees,
    shops: HashMap<ShopId, Arc<ShopPoint>>,
    /// One of each schedule: most shops of a city keep the same hours.
    schedules: HashSet<Arc<Schedule>>,
    /// How many schedules there may be before those that nobody uses are thrown out.
    schedules_until_sweep: usize,
}

impl NearbyIndex {
    /// An index without shops.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies changes in order and shows them to searches all at once.
    ///
    /// One call with many changes is much cheaper than many calls. Callers wait for each other, searches do not.
    pub fn apply(&self, changes: impl IntoIterator<Item = Change>) {
        let mut writer = self.writer.lock();
        for change in changes {
            writer.apply(change);
        }
        self.current.store(Arc::new(writer.trees.clone()));
    }

    /// The page that the query asks for, each hit as `view` shows it.
    pub fn search<T>(&self, query: &Query, view: impl FnMut(Hit, &ShopPoint) -> T) -> Page<T> {
        search::search(&self.current.load(), query, view)
    }

    /// How many shops there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writer.lock().shops.len()
    }

    /// Whether there is no shop.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Writer {
    fn apply(&mut self, change: Change) {
        let (id, shop) = match change {
            Change::Put(shop) => (shop.id, Some(shop)),
            Change::Remove(id) => (id, None),
        };
        if let Some(old) = self.shops.remove(&id) {
            self.trees.remove(&old);
        }
        if let Some(mut shop) = shop {
            shop.schedule = shop.schedule.take().map(|schedule| self.shared(schedule));
            let shop = Arc::new(shop);
            self.trees.insert(&shop);
            self.shops.insert(id, shop);
        }
    }

    fn shared(&mut self, schedule: Arc<Schedule>) -> Arc<Schedule> {
        if let Some(shared) = self.schedules.get(&schedule) {
            return Arc::clone(shared);
        }
        if self.schedules.len() >= self.schedules_until_sweep {
            self.schedules.retain(|schedule| Arc::strong_count(schedule) > 1);
            self.schedules_until_sweep = (self.schedules.len() * 2).max(SWEEP_MIN);
        }
        self.schedules.insert(Arc::clone(&schedule));
        schedule
    }
}

/// Sweeping fewer schedules than this is not worth it.
const SWEEP_MIN: usize = 1_024;

#[cfg(test)]
mod tests;
