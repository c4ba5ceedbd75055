//! Queries, hits and cursors of a search.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;

use crate::domain::category::Code;
use crate::domain::geo::GeoPoint;

/// Maximum radius of a search, in metres.
pub const RADIUS_M_MAX: u32 = 50_000;
/// Maximum number of hits per page.
pub const LIMIT_MAX: usize = 100;

/// A search for shops around a position.
#[derive(Clone, Debug)]
pub struct Query {
    /// Position from which distances are measured.
    pub center: GeoPoint,
    /// Maximum distance in metres; limited to [`RADIUS_M_MAX`].
    pub radius_m: u32,
    /// Category of the shops, including everything below it.
    pub category: Code,
    /// Price levels of the shops; level 0 means unknown.
    pub price_level: RangeInclusive<u8>,
    /// Minimum mean rating, in hundredths of a star.
    pub rating_hundredths_min: u16,
    /// Instant at which the shops must be open; shops with unknown hours are left out. `None` means any hours.
    pub open_at: Option<Timestamp>,
    /// IDs of the shops to search. Empty means all shops.
    pub only: BTreeSet<ShopId>,
    /// Maximum number of hits, 1 to [`LIMIT_MAX`].
    pub limit: usize,
    /// Last hit of the previous page; `None` for the first page.
    pub after: Option<Cursor>,
}

impl Query {
    /// The first page of all shops around a position.
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

/// A shop that a search found, ordered by distance and then by ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Distance in millimetres.
    pub distance_mm: u64,
    /// ID of the shop.
    pub id: ShopId,
}

/// The last hit of a page. It stays valid when shops are added or removed.
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

/// One page of hits, nearest first, in the form of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Hits of the page.
    pub hits: Vec<T>,
    /// Cursor for the next page; `None` on the last page.
    pub next: Option<Cursor>,
}
