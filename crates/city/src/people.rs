//! The people of the city: who they are, whom they follow, when they sign in, and who brings the food.

use crate::place::{Address, Place, push_number};
use crate::random::{Random, Stream};
use crate::shop::fictional_phone;
use crate::words::Words;
use crate::words::names::{BIOS, GIVEN, SURNAMES};

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their number, from 0. Low numbers are well known: they have the most followers.
    pub number: u32,
    /// The name, surname first.
    pub name: String,
    /// The name in Latin letters, surname last.
    pub name_en: String,
    /// A short name that nobody else has: `yutong.chen.42`.
    pub handle: String,
    /// A number that cannot exist: no mobile number in China begins with 100.
    pub phone: String,
    /// An address under `.example`, which cannot exist (RFC 2606).
    pub email: String,
    /// A few words; may be empty.
    pub bio: &'static str,
    /// Where they live.
    pub home: Place,
}

/// How a courier moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vehicle {
    /// An electric scooter, as most have.
    Scooter,
    /// A bicycle.
    Bicycle,
    /// A van for what is large.
    Van,
}

/// Somebody who delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Courier {
    /// Their number, from 0.
    pub number: u32,
    /// The name, surname first.
    pub name: String,
    /// The name in Latin letters, surname last.
    pub name_en: String,
    /// A number that cannot exist: no mobile number in China begins with 102.
    pub phone: String,
    /// How they move.
    pub vehicle: Vehicle,
    /// Where they wait for the first order of the day.
    pub place: Place,
}

/// The person with this number.
pub(crate) fn person(seed: u64, number: u32) -> Person {
    let mut random = Random::new(seed, Stream::Person, number);
    let (surname, given) = draw_name(&mut random);
    let mut handle = String::with_capacity(32);
    handle.push_str(given.1);
    handle.push('.');
    handle.push_str(surname.1);
    handle.push('.');
    handle.make_ascii_lowercase();
    push_number(&mut handle, number);
    Person {
        number,
        name: full_name(surname, given),
        name_en: full_name_en(surname, given),
        email: [&handle, "@yunting.example"].concat(),
        handle,
        phone: fictional_phone("+861000", number),
        bio: random.pick(&BIOS),
        home: Address::draw(&mut random).place,
    }
}

/// The courier with this number.
pub(crate) fn courier(seed: u64, number: u32) -> Courier {
    let mut random = Random::new(seed, Stream::Courier, number);
    let (surname, given) = draw_name(&mut random);
    let vehicle = match random.below(10) {
        0 => Vehicle::Bicycle,
        1 => Vehicle::Van,
        _ => Vehicle::Scooter,
    };
    Courier {
        number,
        name: full_name(surname, given),
        name_en: full_name_en(surname, given),
        phone: fictional_phone("+861020", number),
        vehicle,
        place: Address::draw(&mut random).place,
    }
}

fn draw_name(random: &mut Random) -> (Words, Words) {
    // The smaller of two draws: common surnames stand first in the table.
    let count = u64::try_from(SURNAMES.len()).unwrap_or(0);
    let place = random.below(count).min(random.below(count));
    let surname = usize::try_from(place).ok().and_then(|place| SURNAMES.get(place)).copied();
    (surname.unwrap_or(SURNAMES[0]), random.pick(&GIVEN))
}

fn full_name(surname: Words, given: Words) -> String {
    [surname.0, given.0].concat()
}

fn full_name_en(surname: Words, given: Words) -> String {
    [given.1, " ", surname.1].concat()
}

/// Whom a person follows among `people`, in ascending order.
///
/// How many they follow differs by doublings, and whom they follow leans strongly to low numbers: the follower
/// counts obey a power law, so a few have thousands and most a handful.
pub(crate) fn follows(seed: u64, number: u32, people: u32) -> Vec<u32> {
    let mut random = Random::new(seed, Stream::Follows, number);
    let eager = if random.percent(2) { 8 } else { 1 };
    let count = (random.skewed(5) * eager).min(people >> 2);
    let mut followed: Vec<u32> =
        (0..count).map(|_| well_known(&mut random, people)).filter(|other| *other != number).collect();
    followed.sort_unstable();
    followed.dedup();
    followed
}

/// A number below `people`: the cube of an even draw from 0 to 1.
fn well_known(random: &mut Random, people: u32) -> u32 {
    let draw = u128::from(random.below(1 << 32));
    u32::try_from((draw * draw * draw * u128::from(people)) >> 96).unwrap_or(0)
}

/// The days of a month on which a person signs in: bit 0 is the first day. No bit is set beyond `days`.
pub(crate) fn sign_in_days(seed: u64, person: u32, month: u32, days: u32) -> u32 {
    let habit = Random::new(seed, Stream::SignIns, person).below(90);
    let mut random = Random::new(seed ^ u64::from(month), Stream::SignIns, person);
    let mut was_here = random.percent(habit);
    (0..days).fold(0, |bits, day| {
        // People who came yesterday come again: streaks, not scattered days.
        was_here = random.percent(if was_here { 40 + (habit >> 1) } else { habit >> 1 });
        bits | (u32::from(was_here) << day)
    })
}
