//! Nearby search: equal to brute force, everywhere on the earth, page by page.

use std::collections::BTreeSet;

use pulse_contract::shop::v1::*;
use pulse_testkit::{TestNode, place};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Radius of the earth that the server uses.
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;
/// Rounding of the returned distance, in metres.
const ROUNDING_M: f64 = 0.51;

/// Position and filtered attributes of a shop.
#[derive(Clone, Copy, Debug)]
struct Spot {
    latitude: f64,
    longitude: f64,
    price_level: i32,
    rating_hundredths: i32,
}

/// Clusters of shops at the date line, both poles, the equator and in a city.
fn spots() -> Vec<Spot> {
    let mut random = StdRng::seed_from_u64(4);
    let centers =
        [(0.0, 180.0), (0.0, -180.0), (90.0, 0.0), (-90.0, 0.0), (0.0, 0.0), (31.23, 121.47), (64.0, -179.99)];
    let mut spots = Vec::new();
    for (latitude, longitude) in centers {
        for _ in 0..40 {
            spots.push(Spot {
                latitude: rounded(random.random_range(-0.2..0.2_f64), latitude).clamp(-90.0, 90.0),
                longitude: wrapped(rounded(random.random_range(-0.2..0.2_f64), longitude)),
                price_level: random.random_range(0..=4),
                rating_hundredths: random.random_range(0..=5) * 100,
            });
        }
    }
    spots
}

/// A point near `center`, in the stored resolution of 1e-7 degrees.
#[expect(clippy::float_arithmetic, reason = "brute force in floats is what the answer is compared with")]
fn rounded(offset: f64, center: f64) -> f64 {
    ((center + offset) * 1e7).round() / 1e7
}

#[expect(clippy::float_arithmetic, reason = "brute force in floats is what the answer is compared with")]
fn wrapped(longitude: f64) -> f64 {
    if longitude > 180.0 {
        rounded(-360.0, longitude)
    } else if longitude < -180.0 {
        rounded(360.0, longitude)
    } else {
        longitude + 0.0
    }
}

#[expect(clippy::float_arithmetic, reason = "brute force in floats is what the answer is compared with")]
fn haversine_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    let half = |x: f64, y: f64| ((x - y).to_radians() / 2.0).sin().powi(2);
    let h = half(a.0, b.0) + a.0.to_radians().cos() * b.0.to_radians().cos() * half(a.1, b.1);
    2.0 * EARTH_RADIUS_M * h.sqrt().min(1.0).asin()
}

#[expect(clippy::float_arithmetic, reason = "brute force in floats is what the answer is compared with")]
fn is_within(distance: f64, radius: f64, tolerance: f64) -> bool {
    distance <= radius + tolerance
}

/// Whether the returned metres are the rounded distance.
#[expect(clippy::float_arithmetic, reason = "brute force in floats is what the answer is compared with")]
fn is_near(distance: f64, metres: i32) -> bool {
    (distance - f64::from(metres)).abs() < ROUNDING_M
}

fn imported(number: usize, spot: Spot) -> ImportedShop {
    let shop = ShopDraft {
        name: format!("Shop {number}"),
        location: Some(place(spot.latitude, spot.longitude)),
        price_level: spot.price_level,
        ..Default::default()
    };
    ImportedShop {
        external_id: format!("test:{number}"),
        shop: Some(shop),
        rating_hundredths: spot.rating_hundredths,
        ..Default::default()
    }
}

/// PL-04: over REST, nearby search equals brute force over all shops, nearest first, with filters, also at the date line
/// and the poles.
pub(crate) async fn nearby_is_what_brute_force_finds(node: &mut TestNode) {
    let spots = spots();
    let shops = spots.iter().enumerate().map(|(number, spot)| imported(number, *spot)).collect();
    let imported = node.shops().import_shops(&node.cx(), ImportShopsRequest { shops }).await.unwrap();
    assert_eq!((imported.created_count, imported.refused.len()), (280, 0));
    let http = node.http();
    let centers = [
        (0.01, 179.99),
        (-0.02, -179.98),
        (89.99, 77.0),
        (-89.95, -120.0),
        (0.0, 0.0),
        (31.2, 121.5),
        (64.0, 180.0),
        (90.0, 0.0),
    ];
    for (latitude, longitude) in centers {
        for (radius_m, price_level_max, rating_min) in
            [(1_000, 0, 0), (9_000, 0, 0), (30_000, 2, 0), (30_000, 0, 300), (50_000, 3, 400)]
        {
            let path = format!(
                "/v1/shops:nearby?latitude={latitude}&longitude={longitude}&radius_m={radius_m}&price_level_max={price_level_max}\
                 &rating_hundredths_min={rating_min}&page_size=100"
            );
            let found: ListNearbyResponse = http.get(&path).send().await.ok();
            let numbers: BTreeSet<String> = found.shops.iter().map(|shop| shop.name.clone()).collect();
            assert_eq!(numbers.len(), found.shops.len(), "none twice: {path}");
            let expected = |tolerance: f64| -> BTreeSet<String> {
                let wanted = spots.iter().enumerate().filter(|(_, spot)| {
                    let distance = haversine_m((latitude, longitude), (spot.latitude, spot.longitude));
                    is_within(distance, f64::from(radius_m), tolerance)
                        && (price_level_max == 0 || (1..=price_level_max).contains(&spot.price_level))
                        && spot.rating_hundredths >= rating_min
                });
                wanted.map(|(number, _)| format!("Shop {number}")).collect()
            };
            if found.next_page_token.is_empty() {
                assert!(expected(-0.01).is_subset(&numbers), "{path}: {:?}", expected(-0.01).difference(&numbers));
            }
            assert!(numbers.is_subset(&expected(0.01)), "{path}: {:?}", numbers.difference(&expected(0.01)));
            assert!(found.shops.is_sorted_by_key(|shop| shop.distance_m), "{path}");
            for shop in &found.shops {
                let at = shop.location.unwrap();
                let distance = haversine_m((latitude, longitude), (at.latitude.unwrap(), at.longitude.unwrap()));
                assert!(is_near(distance, shop.distance_m), "{path} {shop:?}");
            }
        }
    }
}

/// A page starts after the last one, also when shops are added and closed in between.
pub(crate) async fn pages_of_nearby_are_stable(node: &mut TestNode) {
    let center = (31.0, 121.0);
    let line = |number: i32| Spot {
        latitude: rounded(f64::from(number), 0.0).mul_add(0.000_1, center.0),
        longitude: center.1,
        price_level: 1,
        rating_hundredths: 300,
    };
    let import = async |numbers: Vec<i32>, is_closed: bool| {
        let shops = numbers
            .into_iter()
            .map(|number| ImportedShop { is_closed, ..imported(usize::try_from(number).unwrap(), line(number)) });
        let request = ImportShopsRequest { shops: shops.collect() };
        node.shops().import_shops(&node.cx(), request).await.unwrap()
    };
    // Even numbers exist; odd numbers are added between pages.
    import((0..40).map(|number| number * 2).collect(), false).await;
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    for round in 0.. {
        let request = ListNearbyRequest {
            latitude: Some(center.0),
            longitude: Some(center.1),
            page_size: 7,
            page_token: page_token.clone(),
            ..Default::default()
        };
        let page = node.shops().list_nearby(&node.anonymous(), request).await.unwrap();
        seen.extend(page.shops.iter().map(|shop| shop.name.clone()));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        // A shop behind the last page and a shop of an earlier page are closed.
        import(vec![round * 2 + 1], false).await;
        import(vec![round * 2], true).await;
    }
    let even: Vec<String> = (0..40).map(|number| format!("Shop {}", number * 2)).collect();
    assert_eq!(seen, even);
    let request = ListNearbyRequest {
        latitude: Some(center.0),
        longitude: Some(center.1),
        page_token: "broken".into(),
        ..Default::default()
    };
    assert_eq!(crate::code(&node.shops().list_nearby(&node.anonymous(), request).await), "PAGE_TOKEN_INVALID");
}

/// E7: a search without a position is refused, and not answered for 0, 0. E5: a token belongs to its centre.
pub(crate) async fn a_search_needs_its_position(node: &mut TestNode) {
    let spot = || Spot { latitude: 0.0, longitude: 0.0, price_level: 0, rating_hundredths: 0 };
    let shops = (0..8).map(|number| imported(number, spot())).collect();
    node.shops().import_shops(&node.cx(), ImportShopsRequest { shops }).await.unwrap();
    let http = node.http();
    for (query, missing) in
        [("", &["latitude", "longitude"][..]), ("?latitude=0", &["longitude"]), ("?longitude=0", &["latitude"])]
    {
        let reply = http.get(&format!("/v1/shops:nearby{query}")).send().await;
        let errors = reply.json()["errors"].as_array().unwrap().clone();
        let fields: Vec<&str> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
        assert_eq!((reply.status, fields), (400, missing.to_vec()), "{query}");
        assert!(errors.iter().all(|error| error["code"] == "required"), "{query}");
    }
    let first = http.get("/v1/shops:nearby?latitude=0&longitude=0&page_size=3").send().await;
    assert_eq!(first.status, 200);
    let token = first.json()["next_page_token"].as_str().unwrap().to_owned();
    let next =
        http.get(&format!("/v1/shops:nearby?latitude=0&longitude=0&page_size=5&page_token={token}")).send().await;
    assert_eq!(next.json()["shops"].as_array().unwrap().len(), 5);
    let elsewhere = http.get(&format!("/v1/shops:nearby?latitude=0.001&longitude=0&page_token={token}")).send().await;
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (400, "PAGE_TOKEN_INVALID"));
}

/// The default is the five nearest shops within five kilometres.
pub(crate) async fn nearby_has_defaults(node: &mut TestNode) {
    let spot = |number: usize| {
        let latitude = rounded(f64::from(u32::try_from(number).unwrap()), 0.0).mul_add(0.01, 31.0);
        Spot { latitude, longitude: 121.0, price_level: 0, rating_hundredths: 0 }
    };
    let shops = (0..8).map(|number| imported(number, spot(number))).collect();
    node.shops().import_shops(&node.cx(), ImportShopsRequest { shops }).await.unwrap();
    let request = ListNearbyRequest { latitude: Some(31.0), longitude: Some(121.0), ..Default::default() };
    let names = |page: ListNearbyResponse| page.shops.into_iter().map(|shop| shop.name).collect::<Vec<_>>();
    let five = node.shops().list_nearby(&node.anonymous(), request.clone()).await.unwrap();
    assert_eq!(names(five), ["Shop 0", "Shop 1", "Shop 2", "Shop 3", "Shop 4"]);
    let wide = ListNearbyRequest { page_size: 100, ..request };
    let all = node.shops().list_nearby(&node.anonymous(), wide).await.unwrap();
    assert_eq!(all.shops.len(), 5, "4.4 km away and not 5.6");
}
