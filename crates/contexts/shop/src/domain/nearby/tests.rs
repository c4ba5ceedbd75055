//! PL-04: the index compared with a scan of all shops.

use std::collections::BTreeSet;

use proptest::prelude::*;
use pulse_kernel::Timestamp;

use super::*;
use crate::domain::category::Code;
use crate::domain::geo::{self, GeoPoint};
use crate::domain::hours::{Hours, Zone};

/// The expected hits: all shops, measured and sorted.
fn scan(shops: &[ShopPoint], query: &Query) -> Vec<Hit> {
    let mut hits: Vec<Hit> = shops
        .iter()
        .filter(|shop| query.category.contains(shop.category))
        .filter(|shop| query.price_level.contains(&shop.price_level))
        .filter(|shop| shop.rating_hundredths >= query.rating_hundredths_min)
        .filter(|shop| query.only.is_empty() || query.only.contains(&shop.id))
        .filter(|shop| {
            query
                .open_at
                .is_none_or(|at| shop.schedule.as_ref().is_some_and(|schedule| schedule.is_open(at) == Some(true)))
        })
        .map(|shop| Hit { distance_mm: geo::distance_mm(query.center, shop.at), id: shop.id })
        .filter(|hit| hit.distance_mm <= u64::from(query.radius_m) * 1_000)
        .collect();
    hits.sort_unstable();
    hits
}

fn search(index: &NearbyIndex, query: &Query) -> Page<Hit> {
    index.search(query, |hit, shop| {
        assert_eq!(hit.id, shop.id);
        hit
    })
}

/// All pages of the index, concatenated.
fn pages(index: &NearbyIndex, query: &Query) -> Vec<Hit> {
    let mut query = query.clone();
    let mut hits = Vec::new();
    loop {
        let page = search(index, &query);
        assert!(page.hits.len() <= query.limit);
        hits.extend(page.hits);
        match page.next {
            Some(next) => query.after = Some(next.to_string().parse().unwrap()),
            None => return hits,
        }
    }
}

fn index_of(shops: &[ShopPoint]) -> NearbyIndex {
    let index = NearbyIndex::new();
    index.apply(shops.iter().cloned().map(Change::Put));
    index
}

fn shop(id: i64, lat: f64, lon: f64) -> ShopPoint {
    ShopPoint {
        id: ShopId::new(id),
        name: "Tea".into(),
        name_en: "".into(),
        at: GeoPoint::from_degrees(lat, lon).unwrap(),
        category: Code::ALL,
        price_level: 0,
        rating_hundredths: 0,
        rating_count: 0,
        schedule: None,
    }
}

/// Points around a center; longitudes wrap at the date line, latitudes end at the poles.
fn scattered(center: (i32, i32), spread_e7: i32) -> impl Strategy<Value = GeoPoint> {
    // Distant longitudes are near at the poles.
    let east = prop_oneof![4 => -spread_e7..=spread_e7, 1 => -1_800_000_000..=1_800_000_000];
    (-spread_e7..=spread_e7, east).prop_map(move |(north, east)| {
        let lat = (center.0 + north).clamp(-900_000_000, 900_000_000);
        let lon = (i64::from(center.1) + i64::from(east) + 1_800_000_000).rem_euclid(3_600_000_000) - 1_800_000_000;
        GeoPoint::from_e7(lat, i32::try_from(lon).unwrap()).unwrap()
    })
}

fn any_code() -> impl Strategy<Value = Code> {
    prop::collection::vec(prop::sample::select(vec![0_u16, 1, 999]), 0..=3)
        .prop_map(|levels| levels.into_iter().fold(Code::ALL, |code, digits| code.child(digits).unwrap()))
}

fn any_schedule() -> impl Strategy<Value = Option<Arc<Schedule>>> {
    let hours = ["", "24/7", "10:00-14:00", "Mo-Fr 18:00-02:00", "off"];
    let zones = ["Asia/Shanghai", "Pacific/Auckland"];
    (prop::sample::select(hours.to_vec()), prop::sample::select(zones.to_vec()))
        .prop_map(|(text, zone)| Hours::from_osm(text, &Zone::new(zone).unwrap()).schedule().cloned())
}

/// A center and shops around it: in a city, at the date line, at both poles.
fn any_area() -> impl Strategy<Value = (GeoPoint, Vec<ShopPoint>)> {
    let centers = vec![
        (312_304_000, 1_214_737_000),
        (0, 1_800_000_000),
        (-170_000_000, -1_800_000_000),
        (650_000_000, 1_799_999_000),
        (900_000_000, 0),
        (899_990_000, 100),
        (-900_000_000, 1_234_567_890),
        (-899_000_000, -1_800_000_000),
        (0, 0),
    ];
    let anywhere = (-900_000_000..=900_000_000, -1_800_000_000..=1_800_000_000);
    let near_poles =
        (prop_oneof![-900_000_000..=-890_000_000, 890_000_000..=900_000_000], -1_800_000_000..=1_800_000_000);
    let centers = prop_oneof![2 => prop::sample::select(centers), 1 => anywhere, 1 => near_poles];
    // From one building to more than 50 km; the smallest makes equal distances likely.
    let spreads = vec![3, 10_000, 500_000, 6_000_000];
    (centers, prop::sample::select(spreads)).prop_flat_map(|(center, spread)| {
        let any_shop = (scattered(center, spread), any_code(), 0_u8..=4, 0_u16..=500, any_schedule());
        (scattered(center, spread), prop::collection::vec(any_shop, 0..400)).prop_map(|(from, shops)| {
            let points = (1..).zip(shops).map(|(id, (at, category, price_level, rating_hundredths, schedule))| {
                ShopPoint { at, category, price_level, rating_hundredths, schedule, ..shop(id, 0.0, 0.0) }
            });
            (from, points.collect())
        })
    })
}

fn any_query(center: GeoPoint) -> impl Strategy<Value = Query> {
    let radius = prop_oneof![0_u32..=50_000, Just(50_000), 0_u32..10];
    let open_at = prop::option::of((0_i64..14 * 24).prop_map(|hour| Timestamp::from_millis(hour * 3_600_000)));
    let rest = (0_u8..=4, 0_u8..=4, prop_oneof![Just(0_u16), 0_u16..=500], open_at, 1_usize..=100);
    let category = prop_oneof![Just(Code::ALL), any_code()];
    let only = prop_oneof![3 => Just(BTreeSet::new()), 1 => prop::collection::btree_set((1_i64..400).prop_map(ShopId::new), 1..200)];
    (radius, category, only, rest).prop_map(move |(radius_m, category, only, (from, to, rating, open_at, limit))| {
        Query {
            category,
            only,
            price_level: if from <= to { from..=to } else { 0..=4 },
            rating_hundredths_min: rating,
            open_at,
            limit,
            ..Query::around(center, radius_m)
        }
    })
}

proptest! {
    /// PL-04: the pages equal a scan with haversine distances, across the date line and at the poles.
    #[test]
    fn the_pages_equal_a_scan((center, shops, query) in any_area().prop_flat_map(|(center, shops)| {
        any_query(center).prop_map(move |query| (center, shops.clone(), query))
    })) {
        prop_assert_eq!(query.center, center);
        prop_assert_eq!(pages(&index_of(&shops), &query), scan(&shops, &query));
    }

    /// PL-04: searches find shops in their current state after moves, changes and removals.
    #[test]
    fn changes_are_seen_at_once(
        (center, mut shops) in any_area(),
        (_, others) in any_area(),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..300),
    ) {
        let index = index_of(&shops);
        for other in others {
            index.apply([Change::Put(other.clone())]);
            shops.retain(|shop| shop.id != other.id);
            shops.push(other);
        }
        for chosen in removed {
            if !shops.is_empty() {
                let shop = shops.swap_remove(chosen.index(shops.len()));
                index.apply([Change::Remove(shop.id), Change::Remove(shop.id)]);
            }
        }
        let query = Query { limit: 7, ..Query::around(center, 50_000) };
        prop_assert_eq!(index.len(), shops.len());
        prop_assert_eq!(pages(&index, &query), scan(&shops, &query));
    }
}

/// H6: near a pole, across the date line, with enough shops that the tree is divided.
#[test]
fn shops_across_the_date_line_near_a_pole_are_found() {
    for (north, sign) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
        let others = (2..=66).map(|id| shop(id, north * 31.0, f64::from(i32::try_from(id).unwrap()) / 100.0));
        let lonely = shop(1, north * 89.789_89, sign * 177.949_6);
        let shops: Vec<ShopPoint> = others.chain([lonely]).collect();
        let center = GeoPoint::from_degrees(north * 89.699_75, sign * -151.429_75).unwrap();
        let query = Query::around(center, 20_000);
        let hits = pages(&index_of(&shops), &query);
        assert_eq!(hits.iter().map(|hit| hit.id.get()).collect::<Vec<_>>(), [1]);
        assert_eq!(hits, scan(&shops, &query));
    }
}

#[test]
fn equally_near_shops_come_in_the_order_of_their_ids() {
    let shops: Vec<ShopPoint> = (1..=250).rev().map(|id| shop(id, 31.2, 121.5)).collect();
    let index = index_of(&shops);
    let query = Query { limit: 3, ..Query::around(shops[0].at, 0) };
    let ids: Vec<i64> = pages(&index, &query).iter().map(|hit| hit.id.get()).collect();
    assert_eq!(ids, (1..=250).collect::<Vec<_>>());
}

#[test]
fn a_page_that_is_exactly_full_is_the_last() {
    let index = index_of(&[shop(1, 0.0, 0.0), shop(2, 0.0, 0.001)]);
    let center = GeoPoint::from_degrees(0.0, 0.0).unwrap();
    let page = search(&index, &Query { limit: 2, ..Query::around(center, 1_000) });
    assert_eq!((page.hits.len(), page.next), (2, None));
    let page = search(&index, &Query { limit: 1, ..Query::around(center, 1_000) });
    assert_eq!(page.next, Some(Cursor(page.hits[0])));
    assert!(!index.is_empty());
}

#[test]
fn no_more_than_the_limits_is_searched() {
    let shops: Vec<ShopPoint> = (1..=300).map(|id| shop(id, 0.0, 0.0)).chain([shop(999, 0.0, 0.6)]).collect();
    let center = GeoPoint::from_degrees(0.0, 0.0).unwrap();
    let page = search(&index_of(&shops), &Query { limit: usize::MAX, ..Query::around(center, u32::MAX) });
    assert_eq!(page.hits.len(), LIMIT_MAX);
    let nothing = Page { hits: Vec::new(), next: None };
    assert_eq!(search(&index_of(&shops[300..]), &Query::around(center, u32::MAX)), nothing);
}

#[test]
fn a_broken_cursor_is_refused() {
    for text in ["", "-", "1", "1-", "-1", "a-1", "1-a", "1.5-2", "99999999999999999999-1"] {
        assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text}");
    }
}

#[test]
fn searches_see_whole_batches_while_shops_move() {
    let (here, there) = (shop(1, 10.0, 10.0), shop(1, 10.001, 10.0));
    let companion = |shop: &ShopPoint| ShopPoint { id: ShopId::new(2), ..shop.clone() };
    let index = index_of(&[here.clone(), companion(&here)]);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..10_000 {
                let hits = search(&index, &Query::around(here.at, 1_000)).hits;
                assert_eq!(hits.len(), 2);
                assert_eq!(hits[0].distance_mm, hits[1].distance_mm, "both moved or none");
            }
        });
        for step in 0..2_000 {
            let at = if step % 2 == 0 { &there } else { &here };
            index.apply([Change::Put(at.clone()), Change::Put(companion(at))]);
        }
        reader.join().unwrap();
    });
}
