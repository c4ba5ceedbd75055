//! Records of shops, and the keys of their fields in files.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// Maximum number of tags of a record.
pub const TAGS_MAX: usize = 1_024;

/// Tag of the keys that a GeoJSON file had for text fields, if they are not the usual ones: a JSON object such as
/// `{"phone":"contact:phone"}`.
pub(crate) const KEYS_TAG: &str = "pulse:keys";

/// A shop in a file. Texts are unchanged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShopRecord {
    /// ID in the source: `osm:node/564724051`, `yelp:tnhfDv5Il8EaGSXZGiuQGg`, `csv:17`; without an ID in the file,
    /// `place:` with coordinates and name.
    pub external_id: String,
    /// Name.
    pub name: Option<String>,
    /// Names in other languages, by language tag: `zh`, `en`.
    pub names: BTreeMap<String, String>,
    /// Degrees north, -90 to 90.
    pub lat: f64,
    /// Degrees east, -180 to 180.
    pub lon: f64,
    /// Categories: `amenity=cafe`, `cuisine=thai`, or the words of other sources, unchanged.
    pub categories: Vec<String>,
    /// Telephone number.
    pub phone: Option<String>,
    /// Web site.
    pub website: Option<String>,
    /// Postal address.
    pub address: Address,
    /// Opening hours in OpenStreetMap syntax, or another text of the file.
    pub hours: Option<String>,
    /// Price level, 1 (cheap) to 4.
    pub price_level: Option<u8>,
    /// Mean rating in hundredths of a star, 0 to 500.
    pub rating_hundredths: Option<u16>,
    /// Number of ratings.
    pub review_count: Option<u32>,
    /// Whether the shop is in business.
    pub is_operating: Option<bool>,
    /// All other values, by key.
    pub tags: BTreeMap<String, String>,
}

/// The parts of a postal address that a file contains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// House number.
    pub house_number: Option<String>,
    /// Street.
    pub street: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub region: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// The address in one line.
    pub line: Option<String>,
}

/// A rejected row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Line on which the row starts, from 1.
    pub line: u64,
    /// The invalid column or member, if it is one.
    pub column: Option<String>,
    /// Reason, for people.
    pub reason: String,
}

impl fmt::Display for RefusedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "line {}, {column}: {}", self.line, self.reason),
            None => write!(f, "line {}: {}", self.line, self.reason),
        }
    }
}

/// The reason of a rejection, without the line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) column: Option<String>,
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn row(reason: impl Into<String>) -> Self {
        Self { column: None, reason: reason.into() }
    }

    pub(crate) fn at(column: &str, reason: impl Into<String>) -> Self {
        Self { column: Some(column.to_owned()), reason: reason.into() }
    }
}

/// OpenStreetMap keys of categories, the most general first.
pub const CATEGORY_KEYS: [&str; 8] =
    ["amenity", "shop", "tourism", "leisure", "craft", "office", "healthcare", "cuisine"];

/// The field of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Id,
    Name,
    NameIn(String),
    Lat,
    Lon,
    /// An OpenStreetMap key of a category.
    Category(&'static str),
    Categories,
    Text(TextField),
    PriceLevel,
    Rating,
    ReviewCount,
    IsOperating,
    Tag,
}

/// A field with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextField {
    Phone,
    Website,
    Hours,
    HouseNumber,
    Street,
    City,
    Region,
    Postcode,
    Country,
    AddressLine,
}

/// The text fields and their keys in written files.
pub(crate) const TEXT_FIELDS: [(TextField, &str); 10] = [
    (TextField::Phone, "phone"),
    (TextField::Website, "website"),
    (TextField::Hours, "opening_hours"),
    (TextField::HouseNumber, "addr:housenumber"),
    (TextField::Street, "addr:street"),
    (TextField::City, "addr:city"),
    (TextField::Region, "addr:state"),
    (TextField::Postcode, "addr:postcode"),
    (TextField::Country, "addr:country"),
    (TextField::AddressLine, "addr:full"),
];

impl Field {
    /// The field of a key, in all formats.
    pub(crate) fn of_key(key: &str) -> Self {
        if let Some(language) = key.strip_prefix("name:") {
            return Self::NameIn(language.to_owned());
        }
        if let Some(category) = CATEGORY_KEYS.iter().find(|category| **category == key) {
            return Self::Category(category);
        }
        if let Some((field, _)) = TEXT_FIELDS.iter().find(|(_, written)| *written == key) {
            return Self::Text(*field);
        }
        match key {
            "@id" | "id" | "external_id" | "business_id" => Self::Id,
            "name" => Self::Name,
            "lat" | "latitude" => Self::Lat,
            "lon" | "lng" | "longitude" => Self::Lon,
            "category" | "categories" => Self::Categories,
            "contact:phone" => Self::Text(TextField::Phone),
            "contact:website" | "url" => Self::Text(TextField::Website),
            "hours" => Self::Text(TextField::Hours),
            "house_number" => Self::Text(TextField::HouseNumber),
            "street" => Self::Text(TextField::Street),
            "city" => Self::Text(TextField::City),
            "state" | "region" | "addr:province" => Self::Text(TextField::Region),
            "postal_code" | "postcode" => Self::Text(TextField::Postcode),
            "country" => Self::Text(TextField::Country),
            "address" => Self::Text(TextField::AddressLine),
            "price_level" => Self::PriceLevel,
            "stars" | "rating" => Self::Rating,
            "review_count" => Self::ReviewCount,
            "is_open" => Self::IsOperating,
            _ => Self::Tag,
        }
    }
}

impl ShopRecord {
    /// A text field.
    pub(crate) fn text(&self, field: TextField) -> Option<&str> {
        match field {
            TextField::Phone => self.phone.as_deref(),
            TextField::Website => self.website.as_deref(),
            TextField::Hours => self.hours.as_deref(),
            TextField::HouseNumber => self.address.house_number.as_deref(),
            TextField::Street => self.address.street.as_deref(),
            TextField::City => self.address.city.as_deref(),
            TextField::Region => self.address.region.as_deref(),
            TextField::Postcode => self.address.postcode.as_deref(),
            TextField::Country => self.address.country.as_deref(),
            TextField::AddressLine => self.address.line.as_deref(),
        }
    }

    fn text_slot(&mut self, field: TextField) -> &mut Option<String> {
        match field {
            TextField::Phone => &mut self.phone,
            TextField::Website => &mut self.website,
            TextField::Hours => &mut self.hours,
            TextField::HouseNumber => &mut self.address.house_number,
            TextField::Street => &mut self.address.street,
            TextField::City => &mut self.address.city,
            TextField::Region => &mut self.address.region,
            TextField::Postcode => &mut self.address.postcode,
            TextField::Country => &mut self.address.country,
            TextField::AddressLine => &mut self.address.line,
        }
    }
}

/// A record under construction.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) record: ShopRecord,
    pub(crate) id: Option<String>,
    pub(crate) lat: Option<f64>,
    pub(crate) lon: Option<f64>,
    /// Whether the row has OpenStreetMap tags, which are written with the same keys again.
    pub(crate) is_tagged: bool,
    /// Keys of text fields that are not the usual ones, by the usual one.
    pub(crate) keys: BTreeMap<&'static str, String>,
}

impl Draft {
    /// Sets the value of a key. A value that does not fit its field is kept as a tag.
    pub(crate) fn set(&mut self, field: &Field, key: &str, value: &str) -> Result<(), Fault> {
        if value.trim().is_empty() {
            return Ok(());
        }
        if let Field::Text(text) = field {
            return self.set_text(*text, key, value);
        }
        let record = &mut self.record;
        let is_used = match field {
            // Features contain it twice, as member `id` and as property `@id`.
            Field::Id => self.id.as_deref() == Some(value) || fill(&mut self.id, || Some(value.to_owned())),
            Field::Name => fill(&mut record.name, || Some(value.to_owned())),
            Field::NameIn(language) => {
                record.names.insert(language.clone(), value.to_owned());
                true
            }
            Field::Lat => fill(&mut self.lat, || degrees(value)),
            Field::Lon => fill(&mut self.lon, || degrees(value)),
            Field::Category(category) => {
                let words = value.split(';').map(str::trim).filter(|word| !word.is_empty());
                record.categories.extend(words.map(|word| [category, "=", word].concat()));
                true
            }
            Field::Categories => {
                let words = value.split([',', ';']).map(str::trim).filter(|word| !word.is_empty());
                record.categories.extend(words.map(str::to_owned));
                true
            }
            Field::Text(_) => false,
            Field::PriceLevel => {
                fill(&mut record.price_level, || value.parse().ok().filter(|level| (1..=4).contains(level)))
            }
            Field::Rating => fill(&mut record.rating_hundredths, || hundredths(value)),
            Field::ReviewCount => fill(&mut record.review_count, || value.parse().ok()),
            Field::IsOperating => fill(&mut record.is_operating, || truth(value)),
            Field::Tag => false,
        };
        if is_used { Ok(()) } else { self.keep(field, key, value) }
    }

    /// Sets a text field. The usual key of a field has priority over its other keys.
    fn set_text(&mut self, field: TextField, key: &str, value: &str) -> Result<(), Fault> {
        let usual = usual_key(field);
        let slot = self.record.text_slot(field);
        if slot.is_none() {
            *slot = Some(value.to_owned());
            if self.is_tagged && key != usual {
                self.keys.insert(usual, key.to_owned());
            }
            return Ok(());
        }
        if key == usual
            && let Some(other) = self.keys.remove(usual)
        {
            let earlier = slot.replace(value.to_owned()).unwrap_or_default();
            return self.keep(&Field::Tag, &other, &earlier);
        }
        self.keep(&Field::Text(field), key, value)
    }

    /// Keeps a tag. The key of a field that is set gets a suffix, so that no written file has a key twice.
    pub(crate) fn keep(&mut self, field: &Field, key: &str, value: &str) -> Result<(), Fault> {
        if matches!(field, Field::Lat | Field::Lon) {
            return Err(Fault::at(key, format!("must be a number of degrees, got {value:?}")));
        }
        if self.record.tags.len() >= TAGS_MAX {
            return Err(Fault::row(format!("the row must have at most {TAGS_MAX} tags")));
        }
        let is_written_key = *field != Field::Tag && written_key(field) == Some(key) && self.is_filled(field);
        let mut key = key.to_owned();
        while is_written_key && !key.ends_with(":2") || self.record.tags.contains_key(&key) {
            key.push_str(":2");
        }
        self.record.tags.insert(key, value.to_owned());
        Ok(())
    }

    fn is_filled(&self, field: &Field) -> bool {
        match field {
            Field::Id => self.id.is_some(),
            Field::Name => self.record.name.is_some(),
            Field::Text(field) => self.record.text(*field).is_some(),
            Field::PriceLevel => self.record.price_level.is_some(),
            Field::Rating => self.record.rating_hundredths.is_some(),
            Field::ReviewCount => self.record.review_count.is_some(),
            Field::IsOperating => self.record.is_operating.is_some(),
            Field::NameIn(_) => true,
            Field::Lat | Field::Lon | Field::Category(_) | Field::Categories | Field::Tag => false,
        }
    }

    /// The record; coordinates are required. `prefix` is the source of an ID without one.
    pub(crate) fn finish(self, prefix: &str) -> Result<ShopRecord, Fault> {
        let Self { mut record, id, lat, lon, keys, .. } = self;
        if !keys.is_empty() {
            let keys = serde_json::to_string(&keys).unwrap_or_default();
            record.tags.entry(KEYS_TAG.to_owned()).or_insert(keys);
        }
        record.lat = lat.ok_or_else(|| Fault::at("latitude", "missing"))?;
        record.lon = lon.ok_or_else(|| Fault::at("longitude", "missing"))?;
        if !(-90.0..=90.0).contains(&record.lat) {
            return Err(Fault::at("latitude", format!("must be between -90 and 90, got {}", record.lat)));
        }
        if !(-180.0..=180.0).contains(&record.lon) {
            return Err(Fault::at("longitude", format!("must be between -180 and 180, got {}", record.lon)));
        }
        // A stable sort by key, so that all formats return the same list.
        record.categories.sort_by_key(|word| category_rank(word));
        record.external_id = match id {
            Some(id) if is_osm_id(&id) => ["osm:", &id].concat(),
            Some(id) if id.contains(':') => id,
            Some(id) => [prefix, ":", &id].concat(),
            None => format!("place:{},{}/{}", record.lat, record.lon, record.name.as_deref().unwrap_or_default()),
        };
        Ok(record)
    }
}

/// The usual key of a text field.
fn usual_key(field: TextField) -> &'static str {
    TEXT_FIELDS.iter().find(|(text, _)| *text == field).map_or("", |(_, key)| key)
}

/// Key of a field in the properties of a written GeoJSON feature.
pub(crate) fn written_key(field: &Field) -> Option<&str> {
    match field {
        Field::Id => Some("@id"),
        Field::Name => Some("name"),
        Field::Text(field) => TEXT_FIELDS.iter().find(|(text, _)| text == field).map(|(_, key)| *key),
        Field::PriceLevel => Some("price_level"),
        Field::Rating => Some("stars"),
        Field::ReviewCount => Some("review_count"),
        Field::IsOperating => Some("is_open"),
        Field::NameIn(_) | Field::Lat | Field::Lon | Field::Category(_) | Field::Categories | Field::Tag => None,
    }
}

fn fill<T>(slot: &mut Option<T>, value: impl FnOnce() -> Option<T>) -> bool {
    if slot.is_some() {
        return false;
    }
    *slot = value();
    slot.is_some()
}

/// Index of the key of a word in [`CATEGORY_KEYS`]; words without a key come last.
pub(crate) fn category_rank(word: &str) -> usize {
    let key = word.split_once('=').map(|(key, _)| key);
    CATEGORY_KEYS.iter().position(|category| Some(*category) == key).unwrap_or(CATEGORY_KEYS.len())
}

/// `node/17`, `way/17`, `relation/17`.
pub(crate) fn is_osm_id(id: &str) -> bool {
    id.split_once('/').is_some_and(|(kind, number)| {
        matches!(kind, "node" | "way" | "relation")
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

pub(crate) fn degrees(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|degrees: &f64| degrees.is_finite())
}

/// `4.5` stars as 450; further digits are cut off. `None` for more than five stars.
fn hundredths(text: &str) -> Option<u16> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.len() != 1 {
        return None;
    }
    let two: String = fraction.chars().chain("00".chars()).take(2).collect();
    let hundredths = whole.parse::<u16>().ok()? * 100 + two.parse::<u16>().ok()?;
    (hundredths <= 500).then_some(hundredths)
}

/// 450 as `4.5`.
#[expect(clippy::integer_division, reason = "whole stars")]
pub(crate) fn stars(hundredths: u16) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    write!(text, "{}.{:02}", hundredths / 100, hundredths % 100).unwrap_or_default();
    let short = text.trim_end_matches('0').len().max(3);
    text.truncate(short);
    text
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "yes" => Some(true),
        "0" | "false" | "no" => Some(false),
        _ => None,
    }
}
