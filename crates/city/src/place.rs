//! Where things are: districts with streets and lanes, around a centre that is as real as a map needs.

use crate::random::Random;
use crate::words::names::STREETS;

/// The centre of the city. The coordinates are plausible, the city is invented: no street or shop of it exists.
pub const CENTRE: Place = Place { latitude_e7: 312_304_000, longitude_e7: 1_214_737_000 };

/// Streets of a district: as many from west to east as from south to north.
const STREETS_PER_DISTRICT: u64 = 8;
const STREETS_PER_DIRECTION: i64 = 4;
/// Shops farther from the axis of the street have the address of a lane.
const STREET_SIDE_M: i64 = 30;

/// A place on earth in ten-millionths of a degree, about a centimetre; whole numbers, so that it is the same on every
/// machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Ten-millionths of a degree north.
    pub latitude_e7: i32,
    /// Ten-millionths of a degree east.
    pub longitude_e7: i32,
}

impl Place {
    /// Degrees north.
    #[must_use]
    #[expect(clippy::float_arithmetic, reason = "the usual form of a coordinate is a fraction of a degree")]
    pub fn latitude(self) -> f64 {
        f64::from(self.latitude_e7) / 1e7
    }

    /// Degrees east.
    #[must_use]
    #[expect(clippy::float_arithmetic, reason = "the usual form of a coordinate is a fraction of a degree")]
    pub fn longitude(self) -> f64 {
        f64::from(self.longitude_e7) / 1e7
    }

    /// The place so many decimetres to the north and to the east; exact enough within a city.
    const fn moved_dm(self, north_dm: i64, east_dm: i64) -> (i64, i64) {
        // A metre is 89.93 ten-millionths of a degree of latitude, and at 31.23 degrees north 105.17 of longitude.
        let latitude_e7 = (north_dm * 8_993).div_euclid(1_000);
        let longitude_e7 = (east_dm * 10_517).div_euclid(1_000);
        (latitude_e7, longitude_e7)
    }

    fn moved(self, north_dm: i64, east_dm: i64) -> Self {
        let (north, east) = self.moved_dm(north_dm, east_dm);
        Self {
            latitude_e7: self.latitude_e7.saturating_add(i32::try_from(north).unwrap_or(0)),
            longitude_e7: self.longitude_e7.saturating_add(i32::try_from(east).unwrap_or(0)),
        }
    }
}

/// A district of the city.
#[derive(Debug, PartialEq, Eq)]
pub struct District {
    /// Its name.
    pub name: &'static str,
    /// Its name in English.
    pub name_en: &'static str,
    /// How far its streets reach from its centre to each side, in metres.
    pub reach_m: i64,
    /// How many of the city's shops are in it, in hundredths.
    pub share_percent: u64,
    north_m: i64,
    east_m: i64,
}

impl District {
    /// Its centre.
    #[must_use]
    pub fn centre(&self) -> Place {
        CENTRE.moved(self.north_m * 10, self.east_m * 10)
    }
}

/// The districts, dense ones first.
pub static DISTRICTS: [District; 12] = [
    district(("钟楼区", "Belltower"), (0, 0), 1_600, 19),
    district(("老城厢", "Old Town"), (-1_500, 1_800), 1_500, 16),
    district(("渡口区", "Ferry Quay"), (800, 3_600), 1_700, 14),
    district(("梧桐里", "Wutong Lanes"), (-600, -3_300), 1_800, 12),
    district(("星河区", "Starriver"), (5_200, 6_500), 2_600, 8),
    district(("书院区", "Academy"), (5_400, -4_200), 2_400, 8),
    district(("柳岸区", "Willow Bank"), (-5_200, -1_500), 2_400, 7),
    district(("东埠区", "East Wharf"), (-3_800, 8_200), 3_000, 5),
    district(("南塘区", "South Pond"), (-10_500, 1_200), 3_400, 4),
    district(("松岗区", "Pine Ridge"), (9_500, 900), 3_200, 3),
    district(("鹭洲区", "Egret Isle"), (1_800, 12_500), 2_800, 2),
    district(("北麓区", "North Foothill"), (14_500, -6_200), 4_200, 2),
];

const fn district(
    (name, name_en): (&'static str, &'static str),
    (north_m, east_m): (i64, i64),
    reach_m: i64,
    share_percent: u64,
) -> District {
    District { name, name_en, reach_m, share_percent, north_m, east_m }
}

/// A street, which runs through one district.
#[derive(Clone, Copy)]
pub(crate) struct Street {
    base: (&'static str, &'static str),
    is_road: bool,
}

impl Street {
    pub(crate) fn write(self, text: &mut String) {
        text.push_str(self.base.0);
        text.push_str(if self.is_road { "路" } else { "街" });
    }

    pub(crate) fn write_en(self, text: &mut String) {
        text.push_str(self.base.1);
        text.push_str(if self.is_road { " Road" } else { " Street" });
    }
}

/// A place with its address.
pub(crate) struct Address {
    pub(crate) district: &'static District,
    pub(crate) street: Street,
    pub(crate) place: Place,
    house: u32,
    lane_house: Option<u32>,
}

impl Address {
    /// Draws a district by its share, a street in it, and a place along the street or in a lane off it.
    pub(crate) fn draw(random: &mut Random) -> Self {
        let (index, district) = draw_district(random);
        let number = random.below(STREETS_PER_DISTRICT);
        let street = street_of(index, number);
        let reach_dm = district.reach_m * 10;
        let gap_dm = (reach_dm * 2).div_euclid(STREETS_PER_DIRECTION);
        let row = i64::try_from(number >> 1).unwrap_or(0);
        let axis_dm = row * gap_dm - reach_dm + (gap_dm >> 1);
        let along_dm = random.around_zero(reach_dm);
        // Half of the gap on each side belongs to the street, most of it close by.
        let off_dm = random.around_zero(gap_dm >> 1);
        let (north_dm, east_dm) =
            if street.is_road { (axis_dm + off_dm, along_dm) } else { (along_dm, axis_dm + off_dm) };
        let step = u32::try_from((along_dm + reach_dm).div_euclid(80)).unwrap_or(0);
        // Odd numbers on one side of the street, even ones on the other.
        let house = step * 2 + if off_dm < 0 { 1 } else { 2 };
        let from_axis_m = off_dm.abs().div_euclid(10);
        let lane_house = u32::try_from((from_axis_m - STREET_SIDE_M).div_euclid(6)).ok().map(|behind| behind + 1);
        Self { district, street, place: district.centre().moved(north_dm, east_dm), house, lane_house }
    }

    /// The address as one would write it on a letter.
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(48);
        text.push_str("云汀市");
        text.push_str(self.district.name);
        self.street.write(&mut text);
        push_number(&mut text, self.house);
        if let Some(lane_house) = self.lane_house {
            text.push('弄');
            push_number(&mut text, lane_house);
        }
        text.push('号');
        text
    }
}

fn draw_district(random: &mut Random) -> (usize, &'static District) {
    let mut left = random.below(100);
    for (index, district) in DISTRICTS.iter().enumerate() {
        if left < district.share_percent {
            return (index, district);
        }
        left -= district.share_percent;
    }
    (0, &DISTRICTS[0])
}

/// Even numbers are roads from west to east, odd ones streets from south to north.
fn street_of(district: usize, number: u64) -> Street {
    let row = usize::try_from(number >> 1).unwrap_or(0);
    let base = STREETS.get(district * 4 + row).copied().unwrap_or(STREETS[0]);
    Street { base, is_road: number & 1 == 0 }
}

/// Writes a number without the machinery of `format!`, which would cost more than the rest of an address.
pub(crate) fn push_number(text: &mut String, number: u32) {
    let mut power = 1;
    while number.div_euclid(power) >= 10 {
        power *= 10;
    }
    while power > 0 {
        let digit = number.div_euclid(power).rem_euclid(10);
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
        power = power.div_euclid(10);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::random::Stream;

    #[test]
    fn shares_add_up_to_a_hundred() {
        assert_eq!(DISTRICTS.iter().map(|district| district.share_percent).sum::<u64>(), 100);
    }

    #[test]
    fn places_stay_in_their_district_and_numbers_grow_along_the_street() {
        let mut streets = BTreeMap::<_, Vec<_>>::new();
        for number in 0..20_000 {
            let address = Address::draw(&mut Random::new(7, Stream::Shop, number));
            let (centre, reach) = (address.district.centre(), address.district.reach_m);
            let north = address.place.latitude_e7 - centre.latitude_e7;
            let east = address.place.longitude_e7 - centre.longitude_e7;
            assert!(i64::from(north.abs()) <= reach * 90 && i64::from(east.abs()) <= reach * 106, "{}", address.text());
            let along = if address.street.is_road { east } else { north };
            let name = (address.street.base, address.street.is_road);
            streets.entry(name).or_default().push((along, (address.house - 1) >> 1));
        }
        assert_eq!(streets.len(), 96);
        for (street, mut houses) in streets {
            houses.sort_unstable();
            assert!(houses.is_sorted_by_key(|(_, house)| *house), "{street:?}");
        }
    }

    #[test]
    fn writes_numbers() {
        for number in [0, 7, 10, 99, 100, 4_294_967_295] {
            let mut text = String::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string());
        }
    }
}
