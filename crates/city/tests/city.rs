//! The city as its users see it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use pulse_city::{CENTRE, City, DISTRICTS, Size, categories};

const SEED: u64 = 2026;

fn small() -> City {
    City::new(SEED, Size::SMALL)
}

/// FNV-1a over everything that there is to know.
struct Checksum(u64);

impl Checksum {
    fn add(&mut self, thing: &impl Debug) {
        for byte in format!("{thing:?}").bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn of(city: &City) -> u64 {
        let mut sum = Self(0xcbf2_9ce4_8422_2325);
        city.merchants().for_each(|merchant| sum.add(&merchant));
        for shop in city.shops() {
            sum.add(&shop);
            sum.add(&city.menu(&shop));
        }
        for person in city.people() {
            sum.add(&person);
            sum.add(&city.follows(person.number));
            sum.add(&city.sign_in_days(person.number, 2026, 2));
        }
        city.couriers().for_each(|courier| sum.add(&courier));
        sum.0
    }
}

#[test]
fn the_same_seed_gives_the_same_city_on_every_machine() {
    assert_eq!(Checksum::of(&small()), Checksum::of(&small()));
    // A change of this number changes everybody's demo: do it on purpose or not at all.
    assert_eq!(Checksum::of(&small()), 15_941_999_859_007_667_496);
    assert_ne!(Checksum::of(&City::new(SEED + 1, Size::SMALL)), Checksum::of(&small()));
}

#[test]
fn a_larger_city_contains_the_smaller_one() {
    let large = City::new(SEED, Size::DEMO);
    assert!(small().shops().eq(large.shops_to(Size::SMALL.shops)));
    assert_eq!(large.shops_to(1_000_000).nth(999_999), Some(small().shop(999_999)));
    assert_eq!((large.shops().count(), large.people().count(), large.couriers().count()), (5_000, 20_000, 300));
    assert_eq!(large.merchants().map(|merchant| merchant.shop_count).sum::<u32>(), 5_000);
}

#[test]
fn shops_fit_the_contract_and_the_city() {
    let codes: BTreeSet<_> = categories().iter().map(|category| category.code).collect();
    let mut used = BTreeSet::new();
    for shop in City::new(SEED, Size::DEMO).shops() {
        assert!((1..=120).contains(&shop.name.chars().count()) && !shop.name_en.is_empty());
        assert!(shop.name_en.is_ascii() && shop.name_en.len() <= 120, "{}", shop.name_en);
        assert!(codes.contains(&shop.category) && shop.category.depth() >= 2);
        assert!((1..=4).contains(&shop.price_level));
        assert!(match shop.rating_count {
            0 => shop.rating_hundredths == 0,
            _ => (100..=500).contains(&shop.rating_hundredths),
        });
        assert!(shop.address.starts_with("云汀市") && shop.address.ends_with('号'), "{}", shop.address);
        assert!(shop.phone.starts_with("+86 21 0") && shop.phone.len() == 15, "{}", shop.phone);
        let allowed = |c: char| c.is_ascii_alphanumeric() || ":;,-/ ".contains(c);
        assert!(!shop.opening_hours.is_empty() && shop.opening_hours.chars().all(allowed));
        assert!((shop.place.latitude() - CENTRE.latitude()).abs() < 0.2);
        assert!((shop.place.longitude() - CENTRE.longitude()).abs() < 0.2);
        used.insert(shop.category);
    }
    assert!(used.len() > 100, "only {} categories have shops", used.len());
}

#[test]
fn neighbourhoods_differ_in_density() {
    let mut by_district = BTreeMap::<_, u32>::new();
    City::new(SEED, Size::DEMO).shops().for_each(|shop| *by_district.entry(shop.district).or_default() += 1);
    assert_eq!(by_district.len(), DISTRICTS.len());
    assert!(by_district["钟楼区"] > 800 && by_district["北麓区"] < 150, "{by_district:?}");
}

#[test]
fn every_menu_can_be_ordered_from() {
    let city = City::new(SEED, Size::DEMO);
    for shop in city.shops_to(2_000) {
        let menu = city.menu(&shop);
        assert!(!menu.is_empty() && menu.len() <= 50);
        let names: BTreeSet<_> = menu.iter().map(|product| (product.section, product.name)).collect();
        assert_eq!(names.len(), menu.len(), "{}", shop.name_en);
        for product in &menu {
            assert!(product.name_en.is_ascii() && product.section.chars().count() <= 60);
            let variants: BTreeSet<_> = product.variants.iter().map(|variant| variant.name).collect();
            assert!(!variants.is_empty() && variants.len() == product.variants.len());
            assert!(product.variants.iter().all(|variant| variant.price_minor >= 50 && variant.price_minor % 50 == 0));
            for group in &product.modifier_groups {
                assert!(group.choices_min <= group.choices_max && group.choices_max >= 1);
                let choices: BTreeSet<_> = group.modifiers.iter().map(|modifier| modifier.name).collect();
                assert!(choices.len() == group.modifiers.len() && choices.len() >= usize::from(group.choices_max));
                assert!(group.modifiers.iter().all(|modifier| modifier.price_delta_minor >= 0));
            }
        }
    }
}

#[test]
fn people_are_different_and_few_are_followed_by_many() {
    let city = City::new(SEED, Size::DEMO);
    let (mut handles, mut phones) = (BTreeSet::new(), BTreeSet::new());
    let mut followers = vec![0_u32; 20_000];
    for person in city.people() {
        assert!(person.phone.starts_with("+86100") && person.phone.len() == 14, "{}", person.phone);
        assert!(person.email.ends_with("@yunting.example") && person.email.is_ascii());
        let follows = city.follows(person.number);
        assert!(follows.is_sorted_by(|a, b| a < b) && !follows.contains(&person.number));
        follows.iter().for_each(|followed| followers[usize::try_from(*followed).unwrap()] += 1);
        assert!(handles.insert(person.handle) && phones.insert(person.phone));
    }
    let edges: u32 = followers.iter().sum();
    assert!((100_000..250_000).contains(&edges), "{edges}");
    let top: u32 = followers[..200].iter().sum();
    assert!(top * 6 > edges, "the best known hundredth has {top} of {edges}");
    assert!(followers[0] > 1_000);
    followers.sort_unstable();
    assert!(followers[10_000] < 10, "the person in the middle has {}", followers[10_000]);
}

#[test]
fn sign_ins_fit_their_month_and_come_in_streaks() {
    let city = small();
    let (mut days, mut neighbours) = (0, 0);
    for person in 0..500 {
        for (year, month, length) in [(2024, 2, 29), (2026, 2, 28), (2026, 4, 30), (2026, 12, 31), (2026, 13, 0)] {
            let bits = city.sign_in_days(person, year, month);
            assert!(u64::from(bits) < 1 << length);
            days += bits.count_ones();
            neighbours += (bits & (bits >> 1)).count_ones();
        }
    }
    assert!(neighbours * 2 > days, "{neighbours} of {days} days are followed by another one");
    assert_ne!(city.sign_in_days(1, 2026, 1), city.sign_in_days(1, 2026, 3));
}
