//! The words of the city: what kinds of shops there are, what they are called and what they sell.
//!
//! Tables only. Prices are in yuan and typical for a big Chinese city; each shop moves them a little.

mod drinks;
mod food;
mod goods;
mod leisure;
pub(crate) mod names;
mod services;

/// A name in Chinese and in English.
pub(crate) type Words = (&'static str, &'static str);
/// Something to buy: its name in Chinese and in English, and its price in yuan.
pub(crate) type Item = (&'static str, &'static str, i64);
/// A heading of a menu with what stands below it.
pub(crate) type Heading = (Words, &'static [Item]);

/// A category of the first level.
pub(crate) struct Group {
    pub(crate) name: Words,
    pub(crate) kinds: &'static [Kind],
}

/// A category of the second level: shops of one kind.
pub(crate) struct Kind {
    pub(crate) name: Words,
    /// How many of the city's shops are of this kind, in parts of the sum of all weights.
    pub(crate) weight: u64,
    /// The usual price level, 1 to 4.
    pub(crate) price_level: u8,
    pub(crate) hours: &'static [&'static str],
    pub(crate) brand: Brand,
    /// What follows the brand in the name.
    pub(crate) nouns: &'static [Words],
    /// Categories of the third level; may be empty.
    pub(crate) below: &'static [Words],
    pub(crate) form: Form,
    pub(crate) extras: &'static [&'static Extra],
    pub(crate) menu: &'static [Heading],
}

/// How a brand sounds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brand {
    /// A surname or an old place: 老王, 石桥.
    Homely,
    /// A mood: 半日, 拾光.
    Modern,
}

/// In which forms (SKU) an item is sold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One form only.
    Single,
    /// Small and large, for some items.
    Portion,
    /// Medium and large cup.
    Cup,
    /// S, M, L.
    Clothing,
    /// One, five or ten times.
    Visits,
}

/// A group of choices: its name, how many must and may be chosen, and the choices with what they add, in yuan.
pub(crate) struct Extra {
    pub(crate) name: Words,
    pub(crate) min: u8,
    pub(crate) max: u8,
    pub(crate) choices: &'static [Item],
}

/// The categories of the first level, in the order of their codes.
pub(crate) static GROUPS: [Group; 12] = [
    Group { name: ("美食", "Food"), kinds: food::KINDS },
    Group { name: ("饮品甜点", "Drinks and desserts"), kinds: drinks::KINDS },
    Group { name: ("生鲜超市", "Groceries"), kinds: goods::GROCERIES },
    Group { name: ("购物", "Shopping"), kinds: goods::SHOPPING },
    Group { name: ("丽人", "Beauty"), kinds: leisure::BEAUTY },
    Group { name: ("休闲娱乐", "Entertainment"), kinds: leisure::ENTERTAINMENT },
    Group { name: ("运动健身", "Sports and fitness"), kinds: leisure::SPORTS },
    Group { name: ("住宿", "Stays"), kinds: leisure::STAYS },
    Group { name: ("生活服务", "Local services"), kinds: services::LOCAL },
    Group { name: ("学习培训", "Learning"), kinds: services::LEARNING },
    Group { name: ("医疗健康", "Health"), kinds: services::HEALTH },
    Group { name: ("宠物", "Pets"), kinds: services::PETS },
];

/// Opening hours by kind of shop, in the syntax of OpenStreetMap's `opening_hours`.
pub(crate) mod hours {
    pub(crate) static MEALS: &[&str] = &[
        "Mo-Su 11:00-14:00,17:00-21:30",
        "Mo-Su 10:30-22:00",
        "Mo-Fr 11:00-14:00,17:00-21:00; Sa-Su 11:00-22:00",
        "Tu-Su 11:00-14:30,17:00-22:00; Mo off",
    ];
    pub(crate) static ALL_DAY: &[&str] = &["Mo-Su 10:00-22:00", "Mo-Su 09:30-21:30", "Mo-Su 10:00-23:00"];
    pub(crate) static BREAKFAST: &[&str] = &["Mo-Su 05:30-10:30", "Mo-Su 06:00-13:30", "Mo-Sa 06:00-11:00; Su off"];
    pub(crate) static CAFE: &[&str] =
        &["Mo-Fr 07:30-20:00; Sa-Su 09:00-21:00", "Mo-Su 08:00-21:00", "Tu-Su 10:00-19:00; Mo off"];
    pub(crate) static NIGHT: &[&str] =
        &["Mo-Su 17:00-02:00", "Mo-Su 16:30-01:00", "Mo-Th 17:00-00:00; Fr-Su 17:00-03:00"];
    pub(crate) static BAR: &[&str] = &["Mo-Th 18:00-01:00; Fr-Sa 18:00-03:00; Su off", "Tu-Su 19:00-02:00"];
    pub(crate) static ALWAYS: &[&str] = &["24/7"];
    pub(crate) static CONVENIENCE: &[&str] = &["24/7", "24/7", "Mo-Su 06:30-23:30"];
    pub(crate) static MARKET: &[&str] = &["Mo-Su 05:30-19:00", "Mo-Su 06:00-20:30", "Mo-Su 07:00-21:30"];
    pub(crate) static RETAIL: &[&str] =
        &["Mo-Th 10:00-21:30; Fr-Su 10:00-22:00", "Mo-Su 10:00-21:00", "Mo-Sa 09:30-20:00; Su 10:00-18:00"];
    pub(crate) static SALON: &[&str] = &["Mo-Su 10:00-21:00", "Tu-Su 10:00-22:00; Mo off", "Mo-Su 09:30-20:30"];
    pub(crate) static GYM: &[&str] = &["Mo-Fr 06:30-22:30; Sa-Su 08:00-21:00", "24/7", "Mo-Su 09:00-22:00"];
    pub(crate) static OFFICE: &[&str] =
        &["Mo-Fr 09:00-18:00; Sa 10:00-16:00; PH off", "Mo-Sa 08:30-18:30", "Mo-Su 09:00-19:00"];
    pub(crate) static LESSONS: &[&str] =
        &["Mo-Fr 14:00-20:30; Sa-Su 09:00-18:00", "Tu-Su 10:00-20:00; Mo off", "We-Su 09:30-19:30"];
    pub(crate) static CLINIC: &[&str] =
        &["Mo-Sa 08:30-17:30; Su,PH off", "Mo-Fr 08:30-12:00,13:30-18:00; Sa 08:30-12:00", "Mo-Su 09:00-20:00"];
}
