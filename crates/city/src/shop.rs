//! Merchants and their shops.

use crate::category::{CategoryCode, Kinds};
use crate::place::{Address, Place, push_number};
use crate::random::{Random, Stream};
use crate::words::names::{HOMELY, MODERN, SURNAMES};
use crate::words::{Brand, Kind, Words};

/// Of 20 shops in a row, 6 belong to one merchant, 3 and 2 to two others, and 9 stand alone. The pattern repeats, so
/// the merchant of any shop is known without counting.
const PATTERN: [u32; 12] = [6, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1];
const SHOPS_PER_PATTERN: u32 = 20;
const MERCHANTS_PER_PATTERN: u32 = 12;

/// Who trades: one shop, or a small chain of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// Its number, from 0.
    pub number: u32,
    /// The name that people know.
    pub name: String,
    /// The name in English.
    pub name_en: String,
    /// The name on contracts.
    pub legal_name: String,
    /// A number that cannot exist: no mobile number in China begins with 101.
    pub phone: String,
    /// Its category; that of all its shops.
    pub category: CategoryCode,
    /// The number of its first shop; the others follow.
    pub first_shop: u32,
    /// How many shops it has, 1 to 6.
    pub shop_count: u32,
}

/// A shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    /// Its number, from 0.
    pub number: u32,
    /// The number of its merchant.
    pub merchant: u32,
    /// Its name; shops of a chain carry the street in it.
    pub name: String,
    /// Its name in English.
    pub name_en: String,
    /// Its category, of the second or third level.
    pub category: CategoryCode,
    /// Where it is.
    pub place: Place,
    /// The name of its district.
    pub district: &'static str,
    /// The address as one would write it on a letter.
    pub address: String,
    /// A number that cannot exist: no number of a town begins with 0 after its area code.
    pub phone: String,
    /// When it is open, in the syntax of OpenStreetMap's `opening_hours`.
    pub opening_hours: &'static str,
    /// From 1, cheap, to 4, dear.
    pub price_level: u8,
    /// Mean rating in hundredths, 100 to 500; 0 while there is none.
    pub rating_hundredths: u16,
    /// How many ratings: few shops have many.
    pub rating_count: u32,
}

/// Where a shop stands among those of its merchant.
struct Position {
    merchant: u32,
    shop_count: u32,
}

/// The position of the shop with this number.
fn position_of_shop(number: u32) -> Position {
    let block = number.div_euclid(SHOPS_PER_PATTERN);
    let mut left = number.rem_euclid(SHOPS_PER_PATTERN);
    let mut merchant = block * MERCHANTS_PER_PATTERN;
    for shop_count in PATTERN {
        if left < shop_count {
            return Position { merchant, shop_count };
        }
        left -= shop_count;
        merchant += 1;
    }
    Position { merchant, shop_count: 1 }
}

/// The number of the first shop of a merchant.
fn first_shop_of(merchant: u32) -> u32 {
    let block = merchant.div_euclid(MERCHANTS_PER_PATTERN);
    let before = usize::try_from(merchant.rem_euclid(MERCHANTS_PER_PATTERN)).unwrap_or(0);
    block * SHOPS_PER_PATTERN + PATTERN.iter().take(before).sum::<u32>()
}

/// How many merchants own the first `shops` shops.
pub(crate) fn merchant_count(shops: u32) -> u32 {
    shops.checked_sub(1).map_or(0, |last| position_of_shop(last).merchant + 1)
}

/// What all shops of a merchant share.
struct Identity {
    category: CategoryCode,
    kind: &'static Kind,
    brand: Words,
    /// Stands around the brand: `老` + 王, for example.
    around: Around,
    noun: Words,
}

#[derive(Clone, Copy)]
enum Around {
    Nothing,
    Lao,
    Ji,
    Auntie,
}

impl Identity {
    fn draw(seed: u64, kinds: &Kinds, merchant: u32) -> Self {
        let mut random = Random::new(seed, Stream::Merchant, merchant);
        let (category, kind) = kinds.draw(&mut random);
        let noun = random.pick(kind.nouns);
        let (brand, around) = match kind.brand {
            Brand::Modern => (random.pick(&MODERN), Around::Nothing),
            Brand::Homely if random.percent(50) => (random.pick(&HOMELY), Around::Nothing),
            Brand::Homely => {
                let around = random.pick(&[Around::Lao, Around::Ji, Around::Auntie]);
                (random.pick(&SURNAMES), around)
            }
        };
        Self { category, kind, brand, around, noun }
    }

    fn write(&self, name: &mut String) {
        let (before, after) = match self.around {
            Around::Nothing => ("", ""),
            Around::Lao => ("老", ""),
            Around::Ji => ("", "记"),
            Around::Auntie => ("", "阿姨"),
        };
        for part in [before, self.brand.0, after, self.noun.0] {
            name.push_str(part);
        }
    }

    fn write_en(&self, name: &mut String) {
        let (before, after) = match self.around {
            Around::Nothing => ("", " "),
            Around::Lao => ("Lao ", "'s "),
            Around::Ji => ("", " Ji "),
            Around::Auntie => ("Auntie ", "'s "),
        };
        for part in [before, self.brand.1, after, self.noun.1] {
            name.push_str(part);
        }
    }
}

/// The merchant with this number.
pub(crate) fn merchant(seed: u64, kinds: &Kinds, number: u32) -> Merchant {
    let identity = Identity::draw(seed, kinds, number);
    let first_shop = first_shop_of(number);
    let mut merchant = Merchant {
        number,
        name: String::with_capacity(32),
        name_en: String::with_capacity(48),
        legal_name: String::with_capacity(64),
        phone: fictional_phone("+861010", number),
        category: identity.category,
        first_shop,
        shop_count: position_of_shop(first_shop).shop_count,
    };
    identity.write(&mut merchant.name);
    identity.write_en(&mut merchant.name_en);
    merchant.legal_name.push_str("云汀");
    merchant.legal_name.push_str(&merchant.name);
    merchant.legal_name.push_str("有限公司");
    merchant
}

/// The shop with this number.
pub(crate) fn shop(seed: u64, kinds: &Kinds, number: u32) -> Shop {
    let position = position_of_shop(number);
    let identity = Identity::draw(seed, kinds, position.merchant);
    let mut random = Random::new(seed, Stream::Shop, number);
    let address = Address::draw(&mut random);
    let (mut name, mut name_en) = (String::with_capacity(48), String::with_capacity(64));
    identity.write(&mut name);
    identity.write_en(&mut name_en);
    if position.shop_count > 1 {
        name.push('（');
        address.street.write(&mut name);
        name.push_str("店）");
        name_en.push_str(" (");
        address.street.write_en(&mut name_en);
        name_en.push(')');
    }
    let level = i64::from(identity.kind.price_level) + random.pick(&[-1, 0, 0, 0, 1]);
    let (rating_hundredths, rating_count) = rating(&mut random);
    Shop {
        number,
        merchant: position.merchant,
        name,
        name_en,
        category: identity.category,
        place: address.place,
        district: address.district.name,
        address: address.text(),
        phone: fictional_phone("+86 21 0", number),
        opening_hours: random.pick(identity.kind.hours),
        price_level: u8::try_from(level.clamp(1, 4)).unwrap_or(1),
        rating_hundredths,
        rating_count,
    }
}

/// Most are good, some are bad, a few are new.
fn rating(random: &mut Random) -> (u16, u32) {
    if random.percent(4) {
        return (0, 0);
    }
    let count = random.skewed(13);
    let usual = 410 + random.around_zero(80);
    let bad = if random.percent(6) { random.between(60, 200) } else { 0 };
    // A mean of whole stars: five ratings cannot have the mean 4.13.
    let ratings = i64::from(count);
    let stars = ((usual - bad) * ratings + 50).div_euclid(100).clamp(ratings, ratings * 5);
    (u16::try_from((stars * 100).div_euclid(ratings)).unwrap_or(100), count)
}

/// `prefix` and at least seven digits; numbers close to each other get digits far from each other.
pub(crate) fn fictional_phone(prefix: &str, number: u32) -> String {
    const NUMBERS: u64 = 10_000_000;
    // 7,654,321 has no factor in common with 10,000,000, so no two numbers meet below that.
    let spread = (u64::from(number) * 7_654_321 + 1_234_567).rem_euclid(NUMBERS) + NUMBERS;
    let mut phone = String::with_capacity(24);
    phone.push_str(prefix);
    let at = phone.len();
    push_number(&mut phone, u32::try_from(spread).unwrap_or(0));
    // The leading 1 was there to keep the zeros.
    phone.remove(at);
    phone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merchants_and_shops_know_each_other() {
        let kinds = Kinds::new();
        let mut next_shop = 0;
        for number in 0..merchant_count(1_000) {
            let merchant = merchant(3, &kinds, number);
            assert_eq!(merchant.first_shop, next_shop);
            next_shop += merchant.shop_count;
            for shop_number in merchant.first_shop..next_shop {
                let shop = shop(3, &kinds, shop_number);
                assert_eq!((shop.merchant, shop.category), (number, merchant.category));
                assert!(shop.name.starts_with(&merchant.name) && shop.name_en.starts_with(&merchant.name_en));
            }
        }
        assert_eq!(next_shop, 1_000);
        assert_eq!((merchant_count(0), merchant_count(1), merchant_count(7)), (0, 1, 2));
    }

    #[test]
    fn fictional_phones_differ() {
        let mut phones: Vec<_> = (0..100_000).map(|number| fictional_phone("+861010", number)).collect();
        phones.sort_unstable();
        phones.dedup();
        assert_eq!(phones.len(), 100_000);
        assert!(phones.iter().all(|phone| phone.len() == 14));
    }
}
