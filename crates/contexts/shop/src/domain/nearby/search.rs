//! Search of the tree: cells in the order of their minimum distance, until the page cannot change anymore.
//!
//! Distances are compared as `a`, the square of the sine of half the angle (the haversine formula before its arc sine). It
//! grows with the distance, and its bounds cost a few multiplications. Exact distances are computed only for shops that
//! may be on the page.
#![expect(clippy::float_arithmetic, reason = "geometry on a sphere needs trigonometry")]

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::f64::consts::{FRAC_PI_2, PI};
use std::hint::black_box;
use std::sync::Arc;

use super::query::{Cursor, Hit, LIMIT_MAX, Page, Query, RADIUS_M_MAX};
use super::shop_point::ShopPoint;
use super::tree::{Cell, Entry, Node};
use super::trees::Trees;
use crate::domain::geo::{self, EARTH_RADIUS_M};
use crate::domain::hours::LocalClocks;

const TURN_E7: i64 = 3_600_000_000;
const E7_RADIANS: f64 = PI / 1_800_000_000.0;
/// Slack of bounds, much larger than the errors of floating point.
const SLACK: f64 = 1e-9;

pub(super) fn search<T>(snapshot: &Trees, query: &Query, view: impl FnMut(Hit, &ShopPoint) -> T) -> Page<T> {
    let mut search = Search::new(query);
    let root = snapshot.of(query.category).and_then(|tree| tree.root.as_deref());
    search.frontier.extend(root.map(|node| Waiting { a: 0.0, node, cell: Cell::WORLD }));
    while let Some(nearest) = search.frontier.pop() {
        if nearest.a > search.a_max {
            break;
        }
        match nearest.node {
            Node::Branch(quarters) => search.open(quarters, nearest.cell),
            Node::Leaf(entries) => entries.iter().for_each(|entry| search.visit(entry)),
        }
    }
    search.into_page(view)
}

struct Search<'a> {
    query: &'a Query,
    limit: usize,
    around: Around,
    /// Maximum `a` of a hit on the page. Shrinks when the page is full.
    a_max: f64,
    /// Minimum `a` of a hit after the cursor.
    a_min: f64,
    distance_mm_max: u64,
    frontier: BinaryHeap<Waiting<'a>>,
    /// Best hits so far, the worst on top. It keeps one more than the page, to know whether a next page exists.
    best: BinaryHeap<Found<'a>>,
    clocks: Option<LocalClocks>,
}

impl<'a> Search<'a> {
    fn new(query: &'a Query) -> Self {
        let radius_m = query.radius_m.min(RADIUS_M_MAX);
        let distance_mm_max = u64::from(radius_m) * 1_000;
        let limit = query.limit.clamp(1, LIMIT_MAX);
        Self {
            query,
            limit,
            around: Around::new(query, f64::from(radius_m)),
            a_max: a_beyond(distance_mm_max),
            a_min: query.after.map_or(0.0, |Cursor(hit)| a_beyond(hit.distance_mm.saturating_sub(2))),
            distance_mm_max,
            frontier: BinaryHeap::new(),
            best: BinaryHeap::with_capacity(limit + 2),
            clocks: query.open_at.map(LocalClocks::at),
        }
    }

    fn open(&mut self, quarters: &'a [Option<Arc<Node>>; 4], cell: Cell) {
        for (index, node) in quarters.iter().enumerate() {
            let Some(node) = node else { continue };
            let cell = cell.quarter(index);
            let (a, a_most) = self.around.cell(cell);
            if a <= self.a_max && a_most >= self.a_min {
                self.frontier.push(Waiting { a, node, cell });
            }
        }
    }

    fn visit(&mut self, entry: &'a Entry) {
        let query = self.query;
        if entry.rating_hundredths < query.rating_hundredths_min
            || !query.price_level.contains(&entry.price_level)
            || !(query.only.is_empty() || query.only.contains(&entry.shop.id))
            || self.around.point(entry) > self.a_max
        {
            return;
        }
        let found = Found { distance_mm: geo::distance_mm(query.center, entry.at), entry };
        let is_on_page = found.distance_mm <= self.distance_mm_max
            && query.after.is_none_or(|Cursor(last)| found.is_after(&last))
            && (self.best.len() <= self.limit || self.best.peek().is_none_or(|worst| found < *worst));
        if is_on_page && self.is_open(entry) {
            self.take(found);
        }
    }

    /// Whether the shop is open at the instant of the query; true when the query has none.
    fn is_open(&mut self, entry: &Entry) -> bool {
        let Some(clocks) = &mut self.clocks else { return true };
        entry.schedule.as_deref().is_some_and(|schedule| clocks.is_open(schedule) == Some(true))
    }

    fn take(&mut self, found: Found<'a>) {
        self.best.push(found);
        if self.best.len() > self.limit + 1 {
            self.best.pop();
        }
        if self.best.len() > self.limit {
            self.a_max = self.best.peek().map_or(self.a_max, |worst| a_beyond(worst.distance_mm));
        }
    }

    fn into_page<T>(self, mut view: impl FnMut(Hit, &ShopPoint) -> T) -> Page<T> {
        let mut found = self.best.into_sorted_vec();
        let has_more = found.len() > self.limit;
        found.truncate(self.limit);
        let next = found.last().filter(|_| has_more).map(|last| Cursor(last.hit()));
        found.iter().for_each(Found::touch);
        Page { hits: found.into_iter().map(|found| view(found.hit(), &found.entry.shop)).collect(), next }
    }
}

/// A hit that may be on the page, ordered like [`Hit`]. Its ID needs a second memory access, so it is read for equal
/// distances only.
struct Found<'a> {
    distance_mm: u64,
    entry: &'a Entry,
}

impl Found<'_> {
    fn hit(&self) -> Hit {
        Hit { distance_mm: self.distance_mm, id: self.entry.shop.id }
    }

    /// Loads the name of the shop into the cache of the processor. The shops of a page are far apart in memory, and concurrent
    /// loads take hardly longer than one.
    fn touch(&self) {
        let ShopPoint { name, name_en, .. } = &*self.entry.shop;
        black_box((name.as_bytes().first(), name_en.as_bytes().first()));
    }

    fn is_after(&self, last: &Hit) -> bool {
        self.distance_mm > last.distance_mm || (self.distance_mm == last.distance_mm && self.entry.shop.id > last.id)
    }
}

impl Ord for Found<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_distance = self.distance_mm.cmp(&other.distance_mm);
        by_distance.then_with(|| self.entry.shop.id.cmp(&other.entry.shop.id))
    }
}

impl PartialOrd for Found<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Found<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Found<'_> {}

/// An `a` beyond every point at this distance, by half a millimetre.
fn a_beyond(distance_mm: u64) -> f64 {
    let distance_m = f64::from(u32::try_from(distance_mm).unwrap_or(u32::MAX)) / 1_000.0 + 0.001;
    geo::sine_squared(distance_m / (2.0 * EARTH_RADIUS_M))
}

/// Part of the tree that was not visited; the nearest comes first out of a heap.
struct Waiting<'a> {
    /// Minimum `a` of its points within the radius.
    a: f64,
    node: &'a Node,
    cell: Cell,
}

impl Ord for Waiting<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.a.total_cmp(&self.a)
    }
}

impl PartialOrd for Waiting<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting<'_> {}

/// Bounds of `a` between the center and points within the radius.
///
/// `a = sin²(lat gap / 2) + cos(center) cos(point) sin²(lon gap / 2)`. All points within the radius lie in one band of
/// latitudes, so `cos(point)` is between the extremes of the band. Points outside of the band are no hits and need no
/// bound. `h² - h⁴/3 <= sin² h <= h²`.
struct Around {
    lat_e7: i64,
    lon_e7: i64,
    /// Minimum and maximum of the product of the two cosines.
    cosines: (f64, f64),
}

impl Around {
    fn new(query: &Query, radius_m: f64) -> Self {
        let lat = query.center.lat_radians();
        let reach = radius_m / EARTH_RADIUS_M + SLACK;
        let (south, north) = ((lat - reach).max(-FRAC_PI_2), (lat + reach).min(FRAC_PI_2));
        let least = (south.cos().min(north.cos()) - SLACK).max(0.0);
        let most = if south <= 0.0 && north >= 0.0 { 1.0 } else { south.cos().max(north.cos()) + SLACK };
        let cosine = lat.cos().max(0.0);
        Self {
            lat_e7: i64::from(query.center.lat_e7()),
            lon_e7: i64::from(query.center.lon_e7()),
            cosines: (cosine * least, cosine * most),
        }
    }

    /// Minimum and maximum `a` of the points of a cell.
    fn cell(&self, cell: Cell) -> (f64, f64) {
        let ((south, north), (west, east)) = (cell.lat_e7(), cell.lon_e7());
        // Cells extend beyond the date line, but points do not. A meridian beyond it has a second name west of it, so a
        // distance to it says nothing about the points.
        let east = east.min(TURN_E7 >> 1);
        let lat_gap = (south - self.lat_e7).max(self.lat_e7 - north).max(0);
        let lat_gap_most = (self.lat_e7 - south).abs().max((north - self.lat_e7).abs());
        let lon_gap = self.lon_gap(west, east);
        let lon_gap_most = (lon_gap + (east - west)).min(TURN_E7 >> 1);
        (self.least(lat_gap, lon_gap), self.most(lat_gap_most, lon_gap_most))
    }

    /// A lower bound of the `a` of the point.
    fn point(&self, entry: &Entry) -> f64 {
        let lon_e7 = i64::from(entry.at.lon_e7());
        let lat_gap = (i64::from(entry.at.lat_e7()) - self.lat_e7).abs();
        // The longer way around the earth is correct too: the bound holds for every angle, and the sine is the same.
        self.least(lat_gap, (lon_e7 - self.lon_e7).abs())
    }

    /// Distance to the nearest of these meridians, at most half a turn.
    fn lon_gap(&self, west: i64, east: i64) -> i64 {
        if (west..=east).contains(&self.lon_e7) {
            return 0;
        }
        (west - self.lon_e7).rem_euclid(TURN_E7).min((self.lon_e7 - east).rem_euclid(TURN_E7))
    }

    fn least(&self, lat_gap_e7: i64, lon_gap_e7: i64) -> f64 {
        let (lat, lon) = (half_squared(lat_gap_e7), half_squared(lon_gap_e7));
        lat * (1.0 - lat / 3.0) + self.cosines.0 * lon * (1.0 - lon / 3.0)
    }

    fn most(&self, lat_gap_e7: i64, lon_gap_e7: i64) -> f64 {
        half_squared(lat_gap_e7) + self.cosines.1 * half_squared(lon_gap_e7)
    }
}

/// Square of half a gap, in radians.
fn half_squared(gap_e7: i64) -> f64 {
    // Gaps fit into 32 bits: at most a turn.
    let half = f64::from(u32::try_from(gap_e7).unwrap_or(u32::MAX)) * (E7_RADIANS / 2.0);
    half * half
}
