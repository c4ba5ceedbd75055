//! A generated city for the demo, the tests and the benches: the same seed gives the same city.
//!
//! The city is called Yunting (云汀) and does not exist. It stands at plausible coordinates so that maps, distances
//! and time zones work; its streets, shops, people and phone numbers are invented, and the numbers are of kinds
//! that no telephone network gives out.
//!
//! Everything has a number, and everything about it follows from the seed and that number alone: [`City::shop`] of
//! 999,999 costs as much as that of 0, iterators hold nothing in memory, and a city of more shops contains the
//! smaller one. A million shops still lie in the same districts, which makes them very dense: hard for a search,
//! and meant to be.
//!
//! ```
//! use pulse_city::{City, Size};
//!
//! let city = City::new(1, Size::SMALL);
//! let shop = city.shop(0);
//! assert_eq!(shop, city.shops().next().unwrap());
//! assert!(!city.menu(&shop).is_empty());
//! ```

mod category;
mod menu;
mod people;
mod place;
mod random;
mod shop;
mod words;

pub use category::{Category, CategoryCode, categories};
pub use menu::{Modifier, ModifierGroup, Product, Variant};
pub use people::{Courier, Person, Vehicle};
pub use place::{CENTRE, DISTRICTS, District, Place};
pub use shop::{Merchant, Shop};

use category::Kinds;

/// The name of the city.
pub const NAME: &str = "云汀";
/// The name of the city in English.
pub const NAME_EN: &str = "Yunting";
/// The time zone of the city, an IANA name.
pub const TIME_ZONE: &str = "Asia/Shanghai";

/// How large a city is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many shops.
    pub shops: u32,
    /// How many people with an account.
    pub people: u32,
    /// How many couriers.
    pub couriers: u32,
}

impl Size {
    /// For tests.
    pub const SMALL: Self = Self { shops: 200, people: 500, couriers: 20 };
    /// For the demo.
    pub const DEMO: Self = Self { shops: 5_000, people: 20_000, couriers: 300 };
}

/// A city. Cheap to make and to clone: it holds a seed, a size and the weights of the kinds of shops.
#[derive(Clone, Debug)]
pub struct City {
    seed: u64,
    size: Size,
    kinds: Kinds,
}

impl City {
    /// The city of this seed.
    #[must_use]
    pub fn new(seed: u64, size: Size) -> Self {
        Self { seed, size, kinds: Kinds::new() }
    }

    /// How large it is.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// All merchants.
    pub fn merchants(&self) -> impl Iterator<Item = Merchant> + '_ {
        (0..shop::merchant_count(self.size.shops)).map(|number| self.merchant(number))
    }

    /// The merchant with this number. Its last shops may lie beyond the size of the city.
    #[must_use]
    pub fn merchant(&self, number: u32) -> Merchant {
        shop::merchant(self.seed, &self.kinds, number)
    }

    /// All shops.
    pub fn shops(&self) -> impl Iterator<Item = Shop> + '_ {
        self.shops_to(self.size.shops)
    }

    /// The first `count` shops, whatever the size of the city; made one by one as they are asked for.
    pub fn shops_to(&self, count: u32) -> impl Iterator<Item = Shop> + '_ {
        (0..count).map(|number| self.shop(number))
    }

    /// The shop with this number.
    #[must_use]
    pub fn shop(&self, number: u32) -> Shop {
        shop::shop(self.seed, &self.kinds, number)
    }

    /// What a shop of this city sells: one product at least, in the order of the menu.
    ///
    /// # Panics
    /// When the shop's category is none of this city's shops.
    #[must_use]
    pub fn menu(&self, shop: &Shop) -> Vec<Product> {
        menu::menu(self.seed, self.kinds.of(shop.category), shop)
    }

    /// All people.
    pub fn people(&self) -> impl Iterator<Item = Person> + '_ {
        (0..self.size.people).map(|number| self.person(number))
    }

    /// The person with this number.
    #[must_use]
    pub fn person(&self, number: u32) -> Person {
        people::person(self.seed, number)
    }

    /// The numbers of those whom a person follows, in ascending order: never themselves, nobody twice.
    #[must_use]
    pub fn follows(&self, person: u32) -> Vec<u32> {
        people::follows(self.seed, person, self.size.people)
    }

    /// The days of a month on which a person signs in: bit 0 is the first day of the month.
    ///
    /// `month` is 1 to 12; nobody signs in in another one.
    #[must_use]
    pub fn sign_in_days(&self, person: u32, year: u32, month: u32) -> u32 {
        people::sign_in_days(self.seed, person, year.wrapping_mul(12).wrapping_add(month), days_of(year, month))
    }

    /// All couriers.
    pub fn couriers(&self) -> impl Iterator<Item = Courier> + '_ {
        (0..self.size.couriers).map(|number| self.courier(number))
    }

    /// The courier with this number.
    #[must_use]
    pub fn courier(&self, number: u32) -> Courier {
        people::courier(self.seed, number)
    }
}

/// How many days the month has; 0 when there is no such month.
const fn days_of(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    }
}
