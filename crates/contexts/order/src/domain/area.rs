//! Straight-line distance between an address and a shop.
#![expect(clippy::float_arithmetic, reason = "geometry on a sphere needs trigonometry")]

/// Radius of the earth as a sphere, in metres; the same value that the search for nearby shops uses.
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;

/// A point on the earth (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Location {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
}

impl Location {
    /// Great-circle distance in metres, by the haversine formula.
    #[must_use]
    pub fn distance_m(self, to: Self) -> f64 {
        let (north, east) = (to.latitude - self.latitude, to.longitude - self.longitude);
        let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let across = self.latitude.to_radians().cos() * to.latitude.to_radians().cos();
        let square = half(north) + across * half(east);
        // Rounding may exceed 1 for opposite points. NaN stays NaN.
        2.0 * EARTH_RADIUS_M * square.sqrt().clamp(0.0, 1.0).asin()
    }

    /// Whether the distance to the other point is at most `radius_m` metres.
    #[must_use]
    pub fn is_within(self, radius_m: u32, of: Self) -> bool {
        self.distance_m(of) <= f64::from(radius_m)
    }
}

#[cfg(test)]
mod tests {
    use super::Location;

    const SHOP: Location = Location { latitude: 31.2304, longitude: 121.4737 };

    #[test]
    fn distances_follow_the_haversine_formula() {
        for (latitude, longitude, expected) in [
            (31.2304, 121.4737, 0.0),
            (31.2404, 121.4737, 1_112.263),
            (31.2304, 121.4837, 951.084),
            (-31.2304, -58.5263, 20_020_734.0),
        ] {
            let distance = SHOP.distance_m(Location { latitude, longitude });
            assert!((distance - expected).abs() < 1.0, "{latitude} {longitude}: {distance}");
        }
    }

    #[test]
    fn distances_cross_the_date_line() {
        let (west, east) =
            (Location { latitude: 0.0, longitude: 179.999 }, Location { latitude: 0.0, longitude: -179.999 });
        assert!(west.is_within(223, east) && !west.is_within(222, east));
    }

    /// A location that is not a number is never within the radius.
    #[test]
    fn nan_is_not_within() {
        assert!(!SHOP.is_within(u32::MAX, Location { latitude: f64::NAN, longitude: 0.0 }));
    }
}
