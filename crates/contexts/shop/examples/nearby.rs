//! Cost of a search of [`NearbyIndex`] by the number of shops: `cargo run --release -p pulse-shop --example nearby`.
#![expect(clippy::print_stdout, reason = "it prints its measurements")]
#![expect(clippy::float_arithmetic, clippy::unwrap_used, reason = "it scatters shops and divides times")]
#![expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts become means")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;
use pulse_shop::domain::category::Code;
use pulse_shop::domain::geo::{self, GeoPoint};
use pulse_shop::domain::hours::{Hours, Schedule, Zone};
use pulse_shop::domain::nearby::{Change, NearbyIndex, Query, ShopPoint};

const SEARCHES: u32 = 20_000;
/// A Saturday at noon in Shanghai.
const NOON: Timestamp = Timestamp::from_millis(1_795_233_600_000);

fn main() {
    println!("{:<44} {:>9} {:>10} {:>9}", "", "us each", "hits each", "bytes");
    for count in [10_000, 100_000, 1_000_000] {
        measure("even over 300 km x 300 km", count, even);
        measure("a city of crowded quarters", count, city);
    }
}

fn measure(name: &str, count: u32, place: fn(&mut Random) -> GeoPoint) {
    let mut random = Random(u64::from(count));
    let schedules = schedules();
    let shops: Vec<ShopPoint> = (1..=count).map(|id| shop(id, place(&mut random), &schedules, &mut random)).collect();
    let before = resident_bytes();
    let index = NearbyIndex::new();
    let start = Instant::now();
    index.apply(shops.iter().cloned().map(Change::Put));
    let built_us = start.elapsed().as_secs_f64() * 1e6 / f64::from(count);
    let bytes = (resident_bytes() - before) / f64::from(count);
    println!("{name}, {count} shops: built {built_us:29.2} {:>10} {bytes:9.0}", "");
    let restaurants = Code::ALL.child(7).unwrap();
    for (what, radius_m, query) in [
        ("5 km, 20 nearest", 5_000, Query { limit: 20, ..Query::around(shops[0].at, 0) }),
        ("5 km, 20, open now", 5_000, Query { limit: 20, open_at: Some(NOON), ..Query::around(shops[0].at, 0) }),
        ("5 km, 20, category 1 of 10, rated, open", 5_000, filtered(&shops[0], restaurants)),
        ("5 km, 20, category 1 of 1000", 5_000, filtered(&shops[0], restaurants.child(3).unwrap().child(1).unwrap())),
        ("5 km, 100 nearest", 5_000, Query::around(shops[0].at, 0)),
        ("50 km, 20 nearest", 50_000, Query { limit: 20, ..Query::around(shops[0].at, 0) }),
    ] {
        let centers: Vec<GeoPoint> = (0..SEARCHES).map(|_| shops[random.below(count)].at).collect();
        let start = Instant::now();
        let hits: usize = centers
            .iter()
            .map(|center| {
                let query = Query { center: *center, radius_m, ..query.clone() };
                black_box(index.search(&query, |hit, shop| (hit, shop.name.len()))).hits.len()
            })
            .sum();
        let us = start.elapsed().as_secs_f64() * 1e6 / f64::from(SEARCHES);
        println!("  {what:<42} {us:>9.2} {:>10.1}", hits as f64 / f64::from(SEARCHES));
    }
    let start = Instant::now();
    for _ in 0..SEARCHES {
        let moved = ShopPoint { at: place(&mut random), ..shops[random.below(count)].clone() };
        index.apply([Change::Put(moved)]);
    }
    println!("  {:<42} {:>9.2}", "one shop moves", start.elapsed().as_secs_f64() * 1e6 / f64::from(SEARCHES));
    if count == 10_000 {
        elementary(&shops, &schedules);
    }
}

fn elementary(shops: &[ShopPoint], schedules: &[Arc<Schedule>]) {
    let start = Instant::now();
    let open = shops
        .iter()
        .filter(|shop| shop.schedule.as_ref().is_some_and(|hours| hours.is_open(NOON) == Some(true)))
        .count();
    let each_us = start.elapsed().as_secs_f64() * 1e6 / shops.len() as f64;
    println!("  {:<42} {each_us:>9.3} {:>10.2}", "is_open with its zone", open as f64 / shops.len() as f64);
    let local = schedules[0].zone().local(NOON);
    let start = Instant::now();
    let open = shops
        .iter()
        .filter(|shop| shop.schedule.as_ref().is_some_and(|hours| hours.is_open_at(&local) == Some(true)))
        .count();
    let each_us = start.elapsed().as_secs_f64() * 1e6 / shops.len() as f64;
    println!("  {:<42} {each_us:>9.3} {:>10.2}", "is_open_at a known local time", open as f64 / shops.len() as f64);
    let start = Instant::now();
    let sum: u64 = shops.iter().map(|shop| geo::distance_mm(shops[0].at, shop.at)).sum();
    let each_us = start.elapsed().as_secs_f64() * 1e6 / shops.len() as f64;
    println!("  {:<42} {each_us:>9.3} {:>10}", "distance_mm", if sum > 0 { "" } else { "0" });
}

fn filtered(shop: &ShopPoint, category: Code) -> Query {
    let around = Query::around(shop.at, 0);
    Query { category, limit: 20, rating_hundredths_min: 350, price_level: 1..=3, open_at: Some(NOON), ..around }
}

fn schedules() -> Vec<Arc<Schedule>> {
    let zone = Zone::new("Asia/Shanghai").unwrap();
    (0..500)
        .map(|step| {
            let (morning, evening) = (6 + step % 6, 18 + step % 5);
            let text =
                format!("Mo-Fr {morning:02}:{:02}-14:00,17:00-{evening}:30; Sa-Su 09:00-02:00; PH off", step % 60);
            Arc::clone(Hours::from_osm(&text, &zone).schedule().unwrap())
        })
        .collect()
}

fn shop(id: u32, at: GeoPoint, schedules: &[Arc<Schedule>], random: &mut Random) -> ShopPoint {
    let mut digits = || u16::try_from(random.below(10)).unwrap();
    let category = Code::ALL.child(digits()).and_then(|code| code.child(digits())?.child(digits())).unwrap();
    let (rating, price) = (u16::try_from(random.below(500)).unwrap(), u8::try_from(random.below(5)).unwrap());
    let schedule = Arc::clone(&schedules[random.below(500)]);
    let id = ShopId::new(i64::from(id));
    let name = format!("Shop number {}", id.get());
    ShopPoint {
        id,
        name: name.as_str().into(),
        name_en: name.into(),
        at,
        category,
        price_level: price,
        rating_hundredths: rating,
        rating_count: 10,
        schedule: Some(schedule),
    }
}

fn even(random: &mut Random) -> GeoPoint {
    GeoPoint::from_degrees(30.0 + 2.7 * random.unit(), 120.0 + 3.1 * random.unit()).unwrap()
}

/// Forty quarters within 40 km, each a bell of 0.5 to 4 km, a quarter of the shops in shared buildings.
fn city(random: &mut Random) -> GeoPoint {
    let mut quarter = Random(random.below(40) as u64 + 1);
    let (lat, lon, width) =
        (31.0 + 0.36 * quarter.unit(), 121.2 + 0.42 * quarter.unit(), 0.005 + 0.035 * quarter.unit());
    let bell = |random: &mut Random| (0..6).map(|_| random.unit()).sum::<f64>() / 3.0 - 1.0;
    let (mut north, mut east) = (bell(random) * width, bell(random) * width);
    if random.below(4) == 0 {
        (north, east) = ((north * 500.0).round() / 500.0, (east * 500.0).round() / 500.0);
    }
    GeoPoint::from_degrees(lat + north, lon + east).unwrap()
}

fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0) * 4_096.0
}

/// Splitmix64: the same shops in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u32) -> usize {
        usize::try_from(self.next() % u64::from(limit)).unwrap()
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / 9_007_199_254_740_992.0
    }
}
