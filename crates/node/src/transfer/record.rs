//! Conversion between the shop record of a file and the shop of the contract.
//!
//! No value is dropped: values without a field, or too long for their field, become tags.

use std::collections::BTreeMap;

use pulse_contract::shop::v1::{Hours, ImportedShop, Shop, ShopDraft, ShopState};
use pulse_contract::{GeoPoint, Json as _};
use pulse_exchange::{Address, CATEGORY_KEYS, ShopRecord};
use pulse_kernel::text::{self, WebAddressFault};

/// Tags of values that only Pulse has.
const CATEGORY_TAG: &str = "pulse:category";
const HOURS_TAG: &str = "pulse:hours";
const ZONE_TAG: &str = "pulse:time_zone";
const IMAGES_TAG: &str = "pulse:images";
/// Language of the name of a shop that has no name without a language.
const NAME_TAG: &str = "pulse:name_language";
/// Tag of categories that are not OpenStreetMap tags.
const WORDS_TAG: &str = "categories";
const DESCRIPTION_TAG: &str = "description";

/// Maximum lengths of the fields of the contract, in characters. Longer texts become tags.
const ADDRESS_CHARS_MAX: usize = 300;
const PHONE_CHARS_MAX: usize = 60;
const WEBSITE_CHARS_MAX: usize = 500;
const HOURS_CHARS_MAX: usize = 1_000;
const NAME_EN_CHARS_MAX: usize = 120;
const DESCRIPTION_CHARS_MAX: usize = 2_000;

type Tags = BTreeMap<String, String>;

/// Converts the record of a file into an imported shop. `time_zone` applies to opening hours without a zone; empty for the
/// zone of the configuration.
pub(super) fn imported(record: ShopRecord, time_zone: &str) -> ImportedShop {
    let ShopRecord { external_id, name, mut names, lat, lon, categories, phone, website, address, .. } = record;
    let mut tags = record.tags;
    let name_en = names.remove("en").unwrap_or_default();
    let (name, name_en) = match name {
        Some(name) => (name, name_en),
        None if !name_en.is_empty() => {
            tags.insert(NAME_TAG.to_owned(), "en".to_owned());
            (name_en, String::new())
        }
        None => {
            let first = names.pop_first();
            tags.extend(first.iter().map(|(language, _)| (NAME_TAG.to_owned(), language.clone())));
            (first.map(|(_, name)| name).unwrap_or_default(), String::new())
        }
    };
    tags.extend(names.into_iter().map(|(language, name)| (["name:", &language].concat(), name)));
    keep_words(&mut tags, categories);
    let hours = hours(&mut tags, record.hours, time_zone);
    let image_urls = taken(&mut tags, IMAGES_TAG, |text| serde_json::from_str(text).ok()).unwrap_or_default();
    let category_code = taken(&mut tags, CATEGORY_TAG, |text| text.parse().ok()).unwrap_or_default();
    let description = tags.remove(DESCRIPTION_TAG);
    let shop = ShopDraft {
        name,
        name_en: fitting(&mut tags, "name:en", Some(name_en), NAME_EN_CHARS_MAX),
        category_code,
        location: Some(GeoPoint { latitude: Some(lat), longitude: Some(lon) }),
        address: line_of(&mut tags, address),
        phone: fitting(&mut tags, "phone", phone, PHONE_CHARS_MAX),
        website: web_address(&mut tags, website),
        price_level: record.price_level.unwrap_or_default().into(),
        hours,
        image_urls,
        description: fitting(&mut tags, DESCRIPTION_TAG, description, DESCRIPTION_CHARS_MAX),
    };
    ImportedShop {
        external_id,
        shop: Some(shop),
        rating_hundredths: record.rating_hundredths.unwrap_or_default().into(),
        rating_count: record.review_count.map_or(0, |count| i32::try_from(count).unwrap_or(i32::MAX)),
        tags,
        is_closed: record.is_operating == Some(false),
    }
}

/// Converts a shop into the record of a file. Importing the record gives the same shop.
pub fn record(shop: Shop) -> ShopRecord {
    let is_closed = shop.state() == ShopState::Closed;
    let mut tags = shop.tags;
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let keys: Vec<String> = tags.keys().filter(|key| key.starts_with("name:")).cloned().collect();
    for key in keys {
        if let (Some(name), Some(language)) = (tags.remove(&key), key.strip_prefix("name:")) {
            names.insert(language.to_owned(), name);
        }
    }
    if !shop.name_en.is_empty() {
        names.insert("en".to_owned(), shop.name_en);
    }
    let mut name = Some(shop.name);
    if let Some(language) = tags.remove(NAME_TAG) {
        names.extend(name.take().map(|name| (language, name)));
    }
    let hours = written_hours(&mut tags, shop.hours.unwrap_or_default());
    if shop.category_code != 0 {
        tags.insert(CATEGORY_TAG.to_owned(), shop.category_code.to_string());
    }
    if !shop.image_urls.is_empty() {
        tags.insert(IMAGES_TAG.to_owned(), serde_json::json!(shop.image_urls).to_string());
    }
    if !shop.description.is_empty() {
        tags.insert(DESCRIPTION_TAG.to_owned(), shop.description);
    }
    let external_id = match shop.external_id.is_empty() {
        true => format!("pulse:{}", shop.shop_id),
        false => shop.external_id,
    };
    let location = shop.location.unwrap_or_default();
    ShopRecord {
        external_id,
        name,
        names,
        lat: location.latitude.unwrap_or_default(),
        lon: location.longitude.unwrap_or_default(),
        categories: words(&mut tags),
        phone: present(shop.phone).or_else(|| tags.remove("phone")),
        website: present(shop.website).or_else(|| tags.remove("website")),
        address: address(&mut tags, shop.address),
        hours,
        price_level: u8::try_from(shop.price_level).ok().filter(|level| *level > 0),
        rating_hundredths: u16::try_from(shop.rating_hundredths).ok().filter(|rating| *rating > 0),
        review_count: u32::try_from(shop.rating_count).ok().filter(|count| *count > 0),
        is_operating: is_closed.then_some(false),
        tags,
    }
}

fn present(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Removes and parses a tag. A tag that cannot be parsed stays.
fn taken<T>(tags: &mut Tags, key: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let value = tags.get(key).and_then(|text| read(text))?;
    tags.remove(key);
    Some(value)
}

/// The text if it fits into its field; otherwise it becomes a tag.
fn fitting(tags: &mut Tags, key: &str, text: Option<String>, chars_max: usize) -> String {
    let text = text.unwrap_or_default();
    if pulse_contract::validate::len(&text) <= chars_max {
        return text;
    }
    tags.insert(key.to_owned(), text);
    String::new()
}

/// The website of a shop. A text that is no address, such as `www.tea.example`, becomes a tag. An address with a foreign scheme
/// stays, and its row is refused.
fn web_address(tags: &mut Tags, website: Option<String>) -> String {
    let website = fitting(tags, "website", website, WEBSITE_CHARS_MAX);
    match text::web_address(&website) {
        Err(WebAddressFault::Malformed) if !website.is_empty() => {
            tags.insert("website".to_owned(), website);
            String::new()
        }
        Ok(()) | Err(WebAddressFault::Malformed | WebAddressFault::Scheme(_)) => website,
    }
}

/// Stores categories as tags: `amenity=cafe` under its key, several values of one key as a list, plain words as one list.
fn keep_words(tags: &mut Tags, categories: Vec<String>) {
    let mut plain = Vec::new();
    for word in categories {
        match word.split_once('=').filter(|(key, value)| CATEGORY_KEYS.contains(key) && !value.contains(';')) {
            None => plain.push(word),
            Some((key, value)) => {
                let list = tags.entry(key.to_owned()).or_default();
                if !list.is_empty() {
                    list.push(';');
                }
                list.push_str(value);
            }
        }
    }
    let is_simple = |word: &String| !word.contains(';') && !word.starts_with('[');
    if !plain.is_empty() {
        let list = if plain.iter().all(is_simple) { plain.join(";") } else { serde_json::json!(plain).to_string() };
        tags.insert(WORDS_TAG.to_owned(), list);
    }
}

fn words(tags: &mut Tags) -> Vec<String> {
    let mut words = Vec::new();
    for key in CATEGORY_KEYS {
        if let Some(list) = tags.remove(key) {
            words.extend(list.split(';').map(|value| [key, "=", value].concat()));
        }
    }
    if let Some(list) = tags.remove(WORDS_TAG) {
        match serde_json::from_str::<Vec<String>>(&list) {
            Ok(list) => words.extend(list),
            Err(_not_json) => words.extend(list.split(';').map(str::to_owned)),
        }
    }
    words
}

/// Opening hours: the tag of an export restores all details; any other text is kept unchanged.
fn hours(tags: &mut Tags, text: Option<String>, time_zone: &str) -> Option<Hours> {
    if let Some(hours) = taken(tags, HOURS_TAG, |text| Hours::from_json(text.as_bytes()).ok()) {
        return Some(hours);
    }
    let named = tags.remove(ZONE_TAG);
    let osm = fitting(tags, "opening_hours", text, HOURS_CHARS_MAX);
    let time_zone = named.unwrap_or_else(|| time_zone.to_owned());
    (!osm.is_empty()).then(|| Hours { time_zone, osm, ..Hours::default() })
}

fn written_hours(tags: &mut Tags, hours: Hours) -> Option<String> {
    if !hours.week.is_empty() || !hours.exceptions.is_empty() || hours.is_orderable_when_unknown {
        tags.insert(HOURS_TAG.to_owned(), String::from_utf8_lossy(&hours.to_json()).into_owned());
    } else if !hours.time_zone.is_empty() {
        tags.insert(ZONE_TAG.to_owned(), hours.time_zone);
    }
    present(hours.osm).or_else(|| tags.remove("opening_hours"))
}

/// Keeps the parts of an address as tags for the export. Returns the address as one line.
fn line_of(tags: &mut Tags, address: Address) -> String {
    let line = address.line.clone().unwrap_or_else(|| composed(&address));
    let Address { house_number, street, city, region, postcode, country, line: _ } = address;
    let parts = [house_number, street, city, region, postcode, country];
    for (key, part) in ADDRESS_TAGS.into_iter().zip(parts) {
        if let Some(part) = part {
            tags.insert(key.to_owned(), part);
        }
    }
    fitting(tags, "addr:full", Some(line), ADDRESS_CHARS_MAX)
}

const ADDRESS_TAGS: [&str; 6] =
    ["addr:housenumber", "addr:street", "addr:city", "addr:state", "addr:postcode", "addr:country"];

fn address(tags: &mut Tags, line: String) -> Address {
    let [house_number, street, city, region, postcode, country] = ADDRESS_TAGS.map(|key| tags.remove(key));
    let mut address = Address { house_number, street, city, region, postcode, country, line: None };
    let line = present(line).or_else(|| tags.remove("addr:full"));
    address.line = line.filter(|line| *line != composed(&address));
    address
}

/// `12 Rose Street, EH2 2NH Edinburgh`.
fn composed(address: &Address) -> String {
    let joined =
        |parts: [&Option<String>; 2]| parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
    let parts = [
        joined([&address.house_number, &address.street]),
        joined([&address.postcode, &address.city]),
        joined([&address.region, &address.country]),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> ShopRecord {
        let text = |text: &str| Some(text.to_owned());
        ShopRecord {
            external_id: "osm:node/17".into(),
            name: text("茶馆"),
            names: [("en", "Tea house"), ("fr", "Salon de thé")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            lat: 55.95,
            lon: -3.19,
            categories: ["amenity=cafe", "cuisine=tea", "cuisine=cake", "Quiet, cosy; warm"].map(str::to_owned).into(),
            phone: Some("+44 131 496 0000; ".repeat(9)),
            website: text("https://tea.example"),
            address: Address { street: text("Rose Street"), house_number: text("12"), ..Address::default() },
            hours: text("Mo-Fr 09:00-18:00"),
            price_level: Some(2),
            rating_hundredths: Some(450),
            review_count: Some(9),
            is_operating: None,
            tags: [("wheelchair", "yes"), ("pulse:category", "10000001")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
        }
    }

    fn shop(imported: ImportedShop) -> Shop {
        let draft = imported.shop.unwrap();
        Shop {
            external_id: imported.external_id,
            name: draft.name,
            name_en: draft.name_en,
            category_code: draft.category_code,
            location: draft.location,
            address: draft.address,
            phone: draft.phone,
            website: draft.website,
            price_level: draft.price_level,
            rating_hundredths: imported.rating_hundredths,
            rating_count: imported.rating_count,
            hours: draft.hours,
            image_urls: draft.image_urls,
            description: draft.description,
            tags: imported.tags,
            ..Shop::default()
        }
    }

    /// TR-68: an import followed by an export keeps all values of a file.
    #[test]
    fn what_goes_in_comes_out() {
        let back = record(shop(imported(full(), "")));
        assert_eq!(back, full());
        let zoned = record(shop(imported(full(), "Europe/London")));
        assert_eq!(zoned.tags.get(ZONE_TAG).map(String::as_str), Some("Europe/London"));
        assert_eq!(record(shop(imported(zoned.clone(), "Asia/Tokyo"))), zoned);
    }

    /// I8: a shop that has a name in a language only comes back with that name.
    #[test]
    fn a_name_in_a_language_stays_one() {
        for names in [vec![("en", "Tea")], vec![("fr", "Thé"), ("zh", "茶")], vec![("en", "Tea"), ("fr", "Thé")]] {
            let names = names.into_iter().map(|(language, name)| (language.to_owned(), name.to_owned())).collect();
            let file = ShopRecord { name: None, names, ..full() };
            let shop = shop(imported(file.clone(), ""));
            assert!(!shop.name.is_empty());
            assert_eq!(record(shop), file);
        }
    }

    #[test]
    fn words_of_the_source_stay_tags_and_no_code_is_made_up() {
        let mut file = full();
        file.tags.clear();
        let taken = imported(file, "");
        assert_eq!(taken.tags.get("cuisine").map(String::as_str), Some("tea;cake"));
        assert_eq!(taken.shop.unwrap().category_code, 0);
    }

    #[test]
    fn a_week_of_ours_comes_back_whole() {
        let hours = Hours {
            week: vec![pulse_contract::shop::v1::HoursSpan { weekday: 1, opens_minute: 60, closes_minute: 90 }],
            ..Hours::default()
        };
        let ours = Shop { shop_id: 5, name: "A".into(), hours: Some(hours.clone()), ..Shop::default() };
        let written = record(ours);
        assert_eq!(written.external_id, "pulse:5");
        assert_eq!(imported(written, "").shop.unwrap().hours, Some(hours));
    }
}
