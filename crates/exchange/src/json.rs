//! Records from JSON objects: GeoJSON features, OpenStreetMap elements, and plain objects such as those of Yelp.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::frame::Framing;
use crate::geometry::{self, Vertex};
use crate::record::{Draft, Fault, Field, ShopRecord, TAGS_MAX, degrees};

/// Parses a row. `prefix` is the source of IDs without one.
pub(crate) fn parse(row: &[u8], prefix: &str) -> Result<ShopRecord, Fault> {
    let Ok(text) = str::from_utf8(row) else { return Err(Fault::row("the row must be valid UTF-8")) };
    let object = Object::whole(text.trim_start_matches(['\u{feff}', '\u{1e}']))?;
    match object.text("type").as_deref() {
        Some("Feature") => feature(&object, prefix),
        Some(kind @ ("node" | "way" | "relation")) if object.raw("id").is_some() => element(&object, kind, prefix),
        _ => plain(&object, prefix),
    }
}

fn feature(object: &Object<'_>, prefix: &str) -> Result<ShopRecord, Fault> {
    let mut draft = Draft { is_tagged: true, ..Draft::default() };
    let center = geometry::center(object.raw("geometry").ok_or_else(|| Fault::at("geometry", "missing"))?)?;
    (draft.lon, draft.lat) = (Some(center.lon), Some(center.lat));
    if let Some(id) = object.text("id") {
        draft.set(&Field::Id, "id", &id)?;
    }
    match object.raw("properties").map(RawValue::get) {
        None | Some("null") => {}
        Some(text) => {
            let properties = Object::parse(text).map_err(|fault| Fault::at("properties", fault.reason))?;
            properties.set_all(&mut draft, |field| matches!(field, Field::Lat | Field::Lon))?;
        }
    }
    draft.finish(prefix)
}

fn element(object: &Object<'_>, kind: &str, prefix: &str) -> Result<ShopRecord, Fault> {
    let id = object.text("id").map(|id| [kind, "/", &id].concat());
    let mut draft = Draft { id, is_tagged: true, ..Draft::default() };
    let Some(tags) = object.raw("tags") else { return Err(Fault::at("tags", "missing")) };
    let center = element_center(object)?;
    (draft.lon, draft.lat) = (Some(center.lon), Some(center.lat));
    let tags = Object::parse(tags.get()).map_err(|fault| Fault::at("tags", fault.reason))?;
    tags.set_all(&mut draft, |field| matches!(field, Field::Lat | Field::Lon | Field::Id))?;
    draft.finish(prefix)
}

/// Coordinates of a node; of ways and relations their `center`, else the centroid of their `geometry`.
fn element_center(object: &Object<'_>) -> Result<Vertex, Fault> {
    #[derive(Deserialize)]
    struct Place {
        lat: f64,
        lon: f64,
    }
    let vertex = |place: Place| Vertex { lon: place.lon, lat: place.lat };
    if let (Some(lat), Some(lon)) = (object.text("lat"), object.text("lon")) {
        let lat = degrees(&lat).ok_or_else(|| Fault::at("lat", "must be a number of degrees"))?;
        let lon = degrees(&lon).ok_or_else(|| Fault::at("lon", "must be a number of degrees"))?;
        return Ok(Vertex { lon, lat });
    }
    if let Some(center) = object.raw("center") {
        return serde_json::from_str(center.get()).map(vertex).map_err(|error| Fault::at("center", error.to_string()));
    }
    let Some(line) = object.raw("geometry") else { return Err(Fault::at("center", "missing")) };
    let places: Vec<Option<Place>> =
        serde_json::from_str(line.get()).map_err(|error| Fault::at("geometry", error.to_string()))?;
    let vertices: Vec<Vertex> = places.into_iter().flatten().map(vertex).collect();
    geometry::mean(&vertices).ok_or_else(|| Fault::at("geometry", "empty"))
}

fn plain(object: &Object<'_>, prefix: &str) -> Result<ShopRecord, Fault> {
    let mut draft = Draft::default();
    object.set_all(&mut draft, |_| false)?;
    let is_yelp = object.raw("business_id").is_some();
    draft.finish(if is_yelp { "yelp" } else { prefix })
}

/// The members of an object.
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        serde_json::from_str(text).map_err(|error| Fault::row(format!("not a JSON object: {error}")))
    }

    /// Parses the text of a whole row or cell. Half of a surrogate pair is no text, so the row is refused.
    pub(crate) fn whole(text: &'a str) -> Result<Self, Fault> {
        let object = Self::parse(text)?;
        match lone_surrogate(text) {
            Some(half) => Err(Fault::row(format!("{half} is half of a character; write the whole pair"))),
            None => Ok(object),
        }
    }

    fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.raw(key).and_then(text)
    }

    /// Sets all members on the draft; members whose field is `kept` become tags.
    fn set_all(&self, draft: &mut Draft, kept: impl Fn(&Field) -> bool) -> Result<(), Fault> {
        for (key, value) in &self.0 {
            match (key.as_ref(), Object::maybe(value)) {
                // One level only: tags inside tags are a tag.
                ("tags", Some(tags)) => {
                    tags.set_texts(draft, &|field| kept(field) || matches!(field, Field::Lat | Field::Lon))?;
                }
                ("names", Some(names)) => names.set_names(draft),
                ("attributes", Some(attributes)) => attributes.set_attributes(draft)?,
                ("hours", Some(week)) => {
                    let written = week.week().unwrap_or_else(|| value.get().to_owned());
                    draft.set(&Field::of_key("hours"), "hours", &written)?;
                }
                ("categories", None) if value.get().starts_with('[') => set_words(draft, value)?,
                (key, _) => set_text(draft, key, value, &kept)?,
            }
        }
        Ok(())
    }

    /// Sets all members on the draft; objects and arrays as JSON text.
    pub(crate) fn set_texts(&self, draft: &mut Draft, kept: &impl Fn(&Field) -> bool) -> Result<(), Fault> {
        self.0.iter().try_for_each(|(key, value)| set_text(draft, key, value, kept))
    }

    pub(crate) fn set_names(&self, draft: &mut Draft) {
        let names = self.0.iter().filter_map(|(key, value)| Some((key.to_string(), text(value)?.into_owned())));
        draft.record.names.extend(names);
    }

    fn set_attributes(&self, draft: &mut Draft) -> Result<(), Fault> {
        for (key, value) in &self.0 {
            let field = if key == "RestaurantsPriceRange2" { Field::PriceLevel } else { Field::Tag };
            if let Some(value) = text(value) {
                draft.set(&field, &["attributes.", key].concat(), &value)?;
            }
        }
        Ok(())
    }

    /// Opening hours of Yelp (`{"Monday": "8:0-18:30"}`) in OpenStreetMap syntax; `None` for other objects.
    fn week(&self) -> Option<String> {
        let mut days: Vec<(usize, String)> = Vec::new();
        for (key, value) in &self.0 {
            let day = DAYS.iter().position(|(name, _)| name.eq_ignore_ascii_case(key))?;
            let times = text(value)?;
            let (from, until) = times.split_once('-')?;
            let (from, until) = (time(from)?, time(until)?);
            // Midnight as an end; Yelp writes a whole day as 0:0-0:0.
            let until = if until == "00:00" { "24:00" } else { &until };
            days.push((day, format!("{from}-{until}")));
        }
        days.sort();
        let runs = days.chunk_by(|(day, times), (next, next_times)| next - day == 1 && times == next_times);
        let rules: Vec<String> = runs
            .filter_map(|run| match run {
                [] => None,
                [(day, times)] => Some(format!("{} {times}", DAYS[*day].1)),
                [(first, times), .., (last, _)] => Some(format!("{}-{} {times}", DAYS[*first].1, DAYS[*last].1)),
            })
            .collect();
        (!rules.is_empty()).then(|| rules.join("; "))
    }

    fn maybe(value: &'a RawValue) -> Option<Self> {
        if value.get().starts_with('{') { serde_json::from_str(value.get()).ok() } else { None }
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some((Key(key), value)) = map.next_entry()? {
                    // Members without a field become tags.
                    if members.len() > 2 * TAGS_MAX {
                        return Err(serde::de::Error::custom("the object must have at most 2048 members"));
                    }
                    members.push((key, value));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

const DAYS: [(&str, &str); 7] = [
    ("Monday", "Mo"),
    ("Tuesday", "Tu"),
    ("Wednesday", "We"),
    ("Thursday", "Th"),
    ("Friday", "Fr"),
    ("Saturday", "Sa"),
    ("Sunday", "Su"),
];

/// `8:0` as `08:00`.
fn time(text: &str) -> Option<String> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then(|| format!("{hours:02}:{minutes:02}"))
}

/// Framing of rows by lines: one object over several lines is not a line.
pub(crate) fn framing(head: &[u8]) -> Framing {
    let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    let text = text.strip_prefix(b"\x1e").unwrap_or(text);
    let mut lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    let first_line = lines.next().unwrap_or_default();
    let is_cut = serde_json::from_slice::<IgnoredAny>(first_line).is_err_and(|error| error.is_eof());
    // Without a line feed, the first bytes are part of a long line.
    if is_cut && first_line.starts_with(b"{") && lines.next().is_some() { Framing::Values } else { Framing::Lines }
}

/// The first escape of a surrogate without its other half, for example `\ud83c`.
fn lone_surrogate(text: &str) -> Option<&str> {
    let mut rest = text;
    let mut leading: Option<&str> = None;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at_checked(at)?;
        let code =
            escape.get(2..6).filter(|_| escape.starts_with("\\u")).and_then(|hex| u16::from_str_radix(hex, 16).ok());
        let written = escape.get(..6).unwrap_or(escape);
        match (leading.take(), code) {
            (Some(_), Some(0xdc00..=0xdfff)) if before.is_empty() => {}
            (Some(half), _) => return Some(half),
            (None, Some(0xdc00..=0xdfff)) => return Some(written),
            (None, Some(0xd800..=0xdbff)) => leading = Some(written),
            (None, _) => {}
        }
        // After an escape of one character, which may be a backslash.
        rest = escape.get(if code.is_some() { 6 } else { 2 }..)?;
    }
    leading
}

fn set_text(draft: &mut Draft, key: &str, value: &RawValue, kept: &impl Fn(&Field) -> bool) -> Result<(), Fault> {
    let Some(value) = text(value) else { return Ok(()) };
    let field = Field::of_key(key);
    let field = if kept(&field) { Field::Tag } else { field };
    draft.set(&field, key, &value)
}

/// Adds the words of an array, unchanged.
pub(crate) fn set_words(draft: &mut Draft, array: &RawValue) -> Result<(), Fault> {
    let words: Vec<String> =
        serde_json::from_str(array.get()).map_err(|error| Fault::at("categories", error.to_string()))?;
    draft.record.categories.extend(words.into_iter().filter(|word| !word.trim().is_empty()));
    Ok(())
}

/// A value as text: a string without quotes, other values as JSON text; `None` for null.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let written = value.get();
    let Some(inner) = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return (written != "null").then_some(Cow::Borrowed(written));
    };
    if inner.contains('\\') {
        return serde_json::from_str(written).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}
