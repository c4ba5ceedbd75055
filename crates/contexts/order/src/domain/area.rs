//! How far an address is from a shop, as the crow flies.
#![expect(clippy::float_arithmetic, reason = "geometry on a sphere needs trigonometry")]

/// Radius of the sphere in metres: the one that searches for what is nearby use.
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;

/// A point on the earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

impl Place {
    /// The great-circle distance in metres, by the haversine formula.
    #[must_use]
    pub fn distance_m(self, to: Self) -> f64 {
        let (north, east) = (to.latitude - self.latitude, to.longitude - self.longitude);
        let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let across = self.latitude.to_radians().cos() * to.latitude.to_radians().cos();
        let square = half(north) + across * half(east);
        // Rounding may make it a little more than 1 for opposite points; what is no number stays none.
        2.0 * EARTH_RADIUS_M * square.sqrt().clamp(0.0, 1.0).asin()
    }

    /// Whether the other point is within so many metres, the border included.
    #[must_use]
    pub fn is_within(self, radius_m: u32, of: Self) -> bool {
        self.distance_m(of) <= f64::from(radius_m)
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    const SHOP: Place = Place { latitude: 31.2304, longitude: 121.4737 };

    #[test]
    fn distances_are_those_of_the_sphere() {
        for (latitude, longitude, expected) in [
            (31.2304, 121.4737, 0.0),
            (31.2404, 121.4737, 1_112.263),
            (31.2304, 121.4837, 951.084),
            (-31.2304, -58.5263, 20_020_734.0),
        ] {
            let distance = SHOP.distance_m(Place { latitude, longitude });
            assert!((distance - expected).abs() < 1.0, "{latitude} {longitude}: {distance}");
        }
    }

    #[test]
    fn the_date_line_is_no_border() {
        let (west, east) = (Place { latitude: 0.0, longitude: 179.999 }, Place { latitude: 0.0, longitude: -179.999 });
        assert!(west.is_within(223, east) && !west.is_within(222, east));
    }

    /// A place that is no number is nowhere near.
    #[test]
    fn nowhere_is_not_within() {
        assert!(!SHOP.is_within(u32::MAX, Place { latitude: f64::NAN, longitude: 0.0 }));
    }
}
