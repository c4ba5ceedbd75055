//! A shop as the index stores it.

use std::sync::Arc;

use compact_str::CompactString;
use pulse_kernel::id::ShopId;

use crate::domain::category::Code;
use crate::domain::geo::GeoPoint;
use crate::domain::hours::Schedule;

/// A shop with the attributes that searches filter by and lists show.
#[derive(Clone, Debug)]
pub struct ShopPoint {
    /// ID of the shop.
    pub id: ShopId,
    /// Name of the shop.
    pub name: CompactString,
    /// English name of the shop; may be empty.
    pub name_en: CompactString,
    /// Position of the shop.
    pub at: GeoPoint,
    /// Category of the shop.
    pub category: Code,
    /// Price level, 1 to 4; 0 means unknown.
    pub price_level: u8,
    /// Mean rating in hundredths of a star; 0 means that there are no ratings.
    pub rating_hundredths: u16,
    /// Number of ratings in the mean.
    pub rating_count: u32,
    /// Opening hours; `None` when they are unknown.
    pub schedule: Option<Arc<Schedule>>,
}
