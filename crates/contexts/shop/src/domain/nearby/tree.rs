//! Quadtree over latitude and longitude that shares unchanged nodes with its older versions.
//!
//! Only cells with many shops are divided, so the cost of a search does not depend on the density.

use std::array;
use std::sync::Arc;

use pulse_kernel::id::ShopId;

use super::shop_point::ShopPoint;
use crate::domain::geo::GeoPoint;
use crate::domain::hours::Schedule;

/// Maximum number of entries of a leaf: few enough to copy quickly, enough to keep the tree small.
const LEAF_MAX: usize = 64;
/// Number of entries by which a leaf grows, so that little memory is unused.
const LEAF_GROWTH: usize = 8;
/// Maximum depth of a cell. Cells of this depth are 3 m wide and not divided, because shops can share an address.
const DEPTH_MAX: u32 = 24;
const SIDE_BITS: u32 = 32;

/// A shop in a leaf with the attributes that searches filter by: 32 bytes.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) shop: Arc<ShopPoint>,
    pub(super) schedule: Option<Arc<Schedule>>,
    pub(super) at: GeoPoint,
    pub(super) rating_hundredths: u16,
    pub(super) price_level: u8,
}

const _: () = assert!(size_of::<Entry>() == 32);

impl Entry {
    pub(super) fn new(shop: &Arc<ShopPoint>) -> Self {
        let ShopPoint { at, rating_hundredths, price_level, ref schedule, .. } = **shop;
        Self { shop: Arc::clone(shop), schedule: schedule.clone(), at, rating_hundredths, price_level }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Leaf(Vec<Entry>),
    Branch([Option<Arc<Node>>; 4]),
}

/// Cell of the tree. Units are 1e-7 degrees, northwards from the south pole and eastwards from the date line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    x: u32,
    y: u32,
    depth: u32,
}

impl Cell {
    pub(super) const WORLD: Self = Self { x: 0, y: 0, depth: 0 };

    pub(super) fn quarter(self, index: usize) -> Self {
        let half = 1 << (SIDE_BITS - 1 - self.depth);
        let pick = |bit: usize| if index & bit == 0 { 0 } else { half };
        Self { x: self.x + pick(1), y: self.y + pick(2), depth: self.depth + 1 }
    }

    fn quarter_of(self, at: GeoPoint) -> usize {
        let bit = SIDE_BITS - 1 - self.depth;
        let (x, y) = xy(at);
        usize::from(x >> bit & 1 == 1) | usize::from(y >> bit & 1 == 1) << 1
    }

    /// Southern and northern edge in 1e-7 degrees north.
    pub(super) fn lat_e7(self) -> (i64, i64) {
        (i64::from(self.y) - SOUTH, i64::from(self.y) + self.side() - SOUTH)
    }

    /// Western and eastern edge in 1e-7 degrees east.
    pub(super) fn lon_e7(self) -> (i64, i64) {
        (i64::from(self.x) - WEST, i64::from(self.x) + self.side() - WEST)
    }

    /// Distance from the first to the last unit.
    fn side(self) -> i64 {
        (1 << (SIDE_BITS - self.depth)) - 1
    }
}

const SOUTH: i64 = 900_000_000;
const WEST: i64 = 1_800_000_000;

fn xy(at: GeoPoint) -> (u32, u32) {
    let from_edge = |e7: i32, edge: i64| u32::try_from(i64::from(e7) + edge).unwrap_or(0);
    (from_edge(at.lon_e7(), WEST), from_edge(at.lat_e7(), SOUTH))
}

/// One version of the tree. A clone increments one reference count.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) root: Option<Arc<Node>>,
}

impl Tree {
    pub(super) fn insert(&mut self, entry: Entry) {
        insert(&mut self.root, Cell::WORLD, entry);
    }

    pub(super) fn remove(&mut self, at: GeoPoint, id: ShopId) {
        remove(&mut self.root, Cell::WORLD, at, id);
    }
}

fn insert(slot: &mut Option<Arc<Node>>, cell: Cell, entry: Entry) {
    let Some(node) = slot else {
        *slot = Some(Arc::new(Node::Leaf(vec![entry])));
        return;
    };
    let node = Arc::make_mut(node);
    match node {
        Node::Branch(quarters) => {
            let index = cell.quarter_of(entry.at);
            insert(&mut quarters[index], cell.quarter(index), entry);
        }
        Node::Leaf(entries) => {
            if entries.len() == entries.capacity() {
                entries.reserve_exact(LEAF_GROWTH);
            }
            entries.push(entry);
            if entries.len() > LEAF_MAX && cell.depth < DEPTH_MAX {
                *node = divide(std::mem::take(entries), cell);
            }
        }
    }
}

fn divide(entries: Vec<Entry>, cell: Cell) -> Node {
    let mut quarters: [Vec<Entry>; 4] = array::from_fn(|_| Vec::new());
    for entry in entries {
        quarters[cell.quarter_of(entry.at)].push(entry);
    }
    Node::Branch(quarters.map(|mut entries| {
        entries.shrink_to_fit();
        (!entries.is_empty()).then(|| Arc::new(Node::Leaf(entries)))
    }))
}

fn remove(slot: &mut Option<Arc<Node>>, cell: Cell, at: GeoPoint, id: ShopId) {
    let Some(node) = slot else { return };
    let node = Arc::make_mut(node);
    match node {
        Node::Leaf(entries) => {
            entries.retain(|entry| entry.shop.id != id);
            if entries.is_empty() {
                *slot = None;
            }
        }
        Node::Branch(quarters) => {
            let index = cell.quarter_of(at);
            remove(&mut quarters[index], cell.quarter(index), at, id);
            if quarters.iter().all(Option::is_none) {
                *slot = None;
            } else if let Some(entries) = few_entries(quarters) {
                *node = Node::Leaf(entries);
            }
        }
    }
}

/// All entries of the quarters, when these are leaves and have together at most half of [`LEAF_MAX`] entries.
fn few_entries(quarters: &[Option<Arc<Node>>; 4]) -> Option<Vec<Entry>> {
    let mut leaves = [&[][..]; 4];
    for (leaf, node) in leaves.iter_mut().zip(quarters) {
        match node.as_deref() {
            None => {}
            Some(Node::Leaf(entries)) => *leaf = entries,
            Some(Node::Branch(_)) => return None,
        }
    }
    let is_few = leaves.iter().map(|leaf| leaf.len()).sum::<usize>() * 2 <= LEAF_MAX;
    is_few.then(|| leaves.concat())
}
