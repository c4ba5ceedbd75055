//! Positions on the earth: validated points, great-circle distances, bounding boxes also across date line and poles.
#![expect(clippy::float_arithmetic, reason = "geometry on a sphere needs trigonometry")]

use std::f64::consts::PI;

/// Radius of the sphere in metres; the radius of `GEODIST` of Redis, so that both return the same distances.
pub const EARTH_RADIUS_M: f64 = 6_372_797.560_856;

const E7: f64 = 10_000_000.0;
const LAT_E7_MAX: i32 = 900_000_000;
const LON_E7_MAX: i32 = 1_800_000_000;

/// A point on the earth in units of 1e-7 degrees (about 1 cm), as in OpenStreetMap.
///
/// Longitudes -180 and 180 are the same meridian, and at a pole all longitudes are the same point; they are not normalized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GeoPoint {
    lat_e7: i32,
    lon_e7: i32,
}

impl GeoPoint {
    /// The point at degrees north (-90 to 90) and east (-180 to 180), rounded to 1e-7; `None` outside and for NaN.
    #[must_use]
    pub fn from_degrees(lat: f64, lon: f64) -> Option<Self> {
        let is_valid = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        is_valid
            .then(|| Self { lat_e7: saturating_i32((lat * E7).round()), lon_e7: saturating_i32((lon * E7).round()) })
    }

    /// The point at 1e-7 degrees north and east; `None` outside.
    #[must_use]
    pub fn from_e7(lat_e7: i32, lon_e7: i32) -> Option<Self> {
        let is_valid = (-LAT_E7_MAX..=LAT_E7_MAX).contains(&lat_e7) && (-LON_E7_MAX..=LON_E7_MAX).contains(&lon_e7);
        is_valid.then_some(Self { lat_e7, lon_e7 })
    }

    /// Latitude in 1e-7 degrees north.
    #[must_use]
    pub const fn lat_e7(self) -> i32 {
        self.lat_e7
    }

    /// Longitude in 1e-7 degrees east.
    #[must_use]
    pub const fn lon_e7(self) -> i32 {
        self.lon_e7
    }

    /// Latitude in degrees north.
    #[must_use]
    pub fn lat_degrees(self) -> f64 {
        f64::from(self.lat_e7) / E7
    }

    /// Longitude in degrees east.
    #[must_use]
    pub fn lon_degrees(self) -> f64 {
        f64::from(self.lon_e7) / E7
    }

    /// Latitude in radians north.
    pub(super) fn lat_radians(self) -> f64 {
        radians(self.lat_e7)
    }
}

/// 1e-7 degrees in radians.
fn radians(e7: i32) -> f64 {
    f64::from(e7) * (PI / (180.0 * E7))
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "saturates, and there is no other way")]
fn saturating_i32(value: f64) -> i32 {
    value as i32
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates at zero and at the top, and there is no other way"
)]
fn saturating_u64(value: f64) -> u64 {
    value as u64
}

/// The great-circle distance in metres, by the haversine formula on a sphere of [`EARTH_RADIUS_M`].
///
/// Exactly symmetric; differs from the ellipsoid by up to 0.5 %.
#[must_use]
pub fn distance_m(a: GeoPoint, b: GeoPoint) -> f64 {
    let lat = sine_squared(half_radians(i64::from(a.lat_e7) - i64::from(b.lat_e7)));
    let lon = sine_squared(half_radians(i64::from(a.lon_e7) - i64::from(b.lon_e7)));
    // The product of the cosines of both latitudes, computed from the cosine of their mean.
    let middle = half_radians(i64::from(a.lat_e7) + i64::from(b.lat_e7)).cos();
    let cosines = (middle * middle - lat).max(0.0);
    2.0 * EARTH_RADIUS_M * arc_sine((lat + cosines * lon).min(1.0).sqrt())
}

/// [`distance_m`] in millimetres, rounded. Points are ranked by it, because integers have a total order.
#[must_use]
pub fn distance_mm(a: GeoPoint, b: GeoPoint) -> u64 {
    saturating_u64((distance_m(a, b) * 1_000.0).round())
}

/// Angle below which the series are as exact as `f64`: their error is less than 1e-17 of the result. Most distances are
/// below it, and a series costs a fraction of a sine.
const SMALL: f64 = 0.01;

/// Square of the sine.
pub(super) fn sine_squared(angle: f64) -> f64 {
    let x = angle * angle;
    if x < SMALL * SMALL {
        return x * (1.0 - x * (1.0 / 3.0 - x * (2.0 / 45.0 - x / 315.0)));
    }
    let sine = angle.sin();
    sine * sine
}

fn arc_sine(sine: f64) -> f64 {
    let x = sine * sine;
    if x < SMALL * SMALL {
        return sine * (1.0 + x * (1.0 / 6.0 + x * (3.0 / 40.0 + x * (15.0 / 336.0))));
    }
    sine.asin()
}

/// Half of a difference or a sum of angles in 1e-7 degrees, in radians.
fn half_radians(e7: i64) -> f64 {
    // Exact: a sum of two coordinates is less than 2^53.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "exact, and there is no other way")]
    let e7 = e7 as f64;
    e7 * (PI / (360.0 * E7))
}

/// A box between two latitudes and two longitudes; `west > east` means that it crosses the date line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundingBox {
    /// Southern edge in 1e-7 degrees north.
    pub south_e7: i32,
    /// Northern edge in 1e-7 degrees north.
    pub north_e7: i32,
    /// Western edge in 1e-7 degrees east.
    pub west_e7: i32,
    /// Eastern edge in 1e-7 degrees east.
    pub east_e7: i32,
}

impl BoundingBox {
    /// The smallest box, with a small margin, that contains all points within `radius_m` metres of `center`.
    #[must_use]
    pub fn around(center: GeoPoint, radius_m: u32) -> Self {
        let angle = f64::from(radius_m) / EARTH_RADIUS_M;
        // Rounded outwards, plus one unit for the errors of floating point.
        let lat_reach = reach_e7(angle);
        let south_e7 = center.lat_e7.saturating_sub(lat_reach).max(-LAT_E7_MAX);
        let north_e7 = center.lat_e7.saturating_add(lat_reach).min(LAT_E7_MAX);
        let touches_pole = south_e7 == -LAT_E7_MAX || north_e7 == LAT_E7_MAX;
        // Meridians converge towards the pole; this is the maximum width of the circle. Without a pole the sine is below 1.
        let lon_reach = reach_e7((angle.sin() / center.lat_radians().cos()).min(1.0).asin());
        if touches_pole || lon_reach >= LON_E7_MAX {
            return Self { south_e7, north_e7, west_e7: -LON_E7_MAX, east_e7: LON_E7_MAX };
        }
        let west_e7 = wrap_lon(i64::from(center.lon_e7) - i64::from(lon_reach));
        let east_e7 = wrap_lon(i64::from(center.lon_e7) + i64::from(lon_reach));
        Self { south_e7, north_e7, west_e7, east_e7 }
    }

    /// Whether the point is in the box, edges included.
    #[must_use]
    pub fn contains(&self, point: GeoPoint) -> bool {
        (self.south_e7..=self.north_e7).contains(&point.lat_e7)
            && self.lon_ranges_e7().into_iter().flatten().any(|(west, east)| (west..=east).contains(&point.lon_e7))
    }

    /// The longitudes as one range, or as two when the box crosses the date line; for `BETWEEN`.
    #[must_use]
    pub fn lon_ranges_e7(&self) -> [Option<(i32, i32)>; 2] {
        if self.west_e7 <= self.east_e7 {
            // -180 and 180 are the same meridian.
            let other_name = match (self.west_e7, self.east_e7) {
                (west, east) if west == -LON_E7_MAX && east < LON_E7_MAX => Some((LON_E7_MAX, LON_E7_MAX)),
                (west, east) if east == LON_E7_MAX && west > -LON_E7_MAX => Some((-LON_E7_MAX, -LON_E7_MAX)),
                _ => None,
            };
            return [Some((self.west_e7, self.east_e7)), other_name];
        }
        [Some((self.west_e7, LON_E7_MAX)), Some((-LON_E7_MAX, self.east_e7))]
    }
}

fn reach_e7(angle: f64) -> i32 {
    saturating_i32((angle.to_degrees() * E7).ceil()).saturating_add(1)
}

fn wrap_lon(lon_e7: i64) -> i32 {
    let turn = 2 * i64::from(LON_E7_MAX);
    let wrapped = (lon_e7 + i64::from(LON_E7_MAX)).rem_euclid(turn) - i64::from(LON_E7_MAX);
    i32::try_from(wrapped).unwrap_or(LON_E7_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(lat: f64, lon: f64) -> GeoPoint {
        GeoPoint::from_degrees(lat, lon).unwrap()
    }

    #[test]
    fn points_outside_of_the_earth_are_rejected() {
        for (lat, lon) in [(90.1, 0.0), (-91.0, 0.0), (0.0, 180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(GeoPoint::from_degrees(lat, lon), None, "{lat} {lon}");
        }
        assert_eq!(GeoPoint::from_e7(900_000_001, 0), None);
        assert_eq!(point(-90.0, 180.0).lat_e7(), -900_000_000);
        assert_eq!(point(55.947_574_3, -3.204_764_4).lon_degrees(), -3.204_764_4);
    }

    #[test]
    fn measures_known_distances() {
        let half_turn_m = PI * EARTH_RADIUS_M;
        for (a, b, expected_m) in [
            // The example of GEODIST in the documentation of Redis: Palermo and Catania, 166274.1516 m.
            (point(38.115_556, 13.361_389), point(37.502_669, 15.087_269), 166_274.15),
            (point(0.0, 179.999), point(0.0, -179.999), 222.45),
            (point(90.0, 10.0), point(90.0, -170.0), 0.0),
            (point(89.999, 0.0), point(89.999, 180.0), 222.45),
            (point(0.0, 0.0), point(0.0, 180.0), half_turn_m),
            (point(-90.0, 0.0), point(90.0, 77.0), half_turn_m),
        ] {
            assert!((distance_m(a, b) - expected_m).abs() < 0.5, "{a:?} {b:?} {}", distance_m(a, b));
        }
    }

    fn any_point() -> impl Strategy<Value = GeoPoint> {
        let lat = prop_oneof![-900_000_000..=900_000_000, 899_000_000..=900_000_000, -900_000_000..=-899_000_000];
        let lon =
            prop_oneof![-1_800_000_000..=1_800_000_000, 1_799_000_000..=1_800_000_000, -1_800_000_000..=-1_799_000_000];
        (lat, lon).prop_map(|(lat, lon): (i32, i32)| GeoPoint::from_e7(lat, lon).unwrap())
    }

    /// A point near `center`, also across the pole and the date line.
    fn near(center: GeoPoint, north_e7: i32, east_e7: i32) -> GeoPoint {
        let lat = center.lat_e7.saturating_add(north_e7).clamp(-LAT_E7_MAX, LAT_E7_MAX);
        GeoPoint::from_e7(lat, wrap_lon(i64::from(center.lon_e7) + i64::from(east_e7))).unwrap()
    }

    proptest! {
        #[test]
        fn a_distance_is_symmetric_and_bounded(a in any_point(), b in any_point()) {
            prop_assert_eq!(distance_mm(a, b), distance_mm(b, a));
            prop_assert!(distance_m(a, b) <= PI * EARTH_RADIUS_M + 0.001);
            prop_assert_eq!(distance_mm(a, a), 0);
        }

        /// PL-04: no point within the radius is outside of the box, also across the date line and at the poles.
        #[test]
        fn the_box_contains_the_circle(
            center in any_point(),
            radius_m in 0_u32..50_000,
            north_e7 in -5_000_000..5_000_000,
            east_e7 in prop_oneof![-5_000_000..5_000_000, -1_800_000_000..1_800_000_000],
        ) {
            let other = near(center, north_e7, east_e7);
            let holds = BoundingBox::around(center, radius_m).contains(other);
            prop_assert!(holds || distance_m(center, other) > f64::from(radius_m));
        }
    }
}
