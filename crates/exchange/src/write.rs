//! Writing of files that read as the same records.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::format::Format;
use crate::record::{
    CATEGORY_KEYS, Field, KEYS_TAG, ShopRecord, TEXT_FIELDS, TextField, category_rank, is_osm_id, stars,
};

/// Writes a file of shops. The file is complete after [`ShopWriter::finish`].
#[derive(Debug)]
pub struct ShopWriter<W> {
    out: W,
    format: Format,
    row: Vec<u8>,
    is_empty: bool,
    is_spreadsheet_safe: bool,
}

/// Names of the text fields outside of OpenStreetMap tags.
const PLAIN_KEYS: [(TextField, &str); 10] = [
    (TextField::AddressLine, "address"),
    (TextField::HouseNumber, "house_number"),
    (TextField::Street, "street"),
    (TextField::City, "city"),
    (TextField::Region, "state"),
    (TextField::Postcode, "postal_code"),
    (TextField::Country, "country"),
    (TextField::Phone, "phone"),
    (TextField::Website, "website"),
    (TextField::Hours, "opening_hours"),
];
const PRICE_ATTRIBUTE: &str = "attributes.RestaurantsPriceRange2";

impl<W: Write> ShopWriter<W> {
    /// Starts a file.
    ///
    /// # Errors
    /// `Unsupported` for Overpass, which is a read-only format; errors of the stream.
    pub fn new(mut out: W, format: Format) -> io::Result<Self> {
        match format {
            Format::GeoJson => out.write_all(b"{\"type\":\"FeatureCollection\",\"features\":[")?,
            Format::Csv => out.write_all(csv_header().as_bytes())?,
            Format::GeoJsonLines | Format::JsonLines => {}
            Format::Overpass => return Err(io::Error::new(io::ErrorKind::Unsupported, "Overpass is only read")),
        }
        Ok(Self { out, format, row: Vec::new(), is_empty: true, is_spreadsheet_safe: false })
    }

    /// Makes a CSV file safe to open in spreadsheets: a text that they would execute as a formula gets an apostrophe in
    /// front. Such texts are not read back unchanged. Other formats are not affected.
    #[must_use]
    pub fn spreadsheet_safe(mut self, is_safe: bool) -> Self {
        self.is_spreadsheet_safe = is_safe;
        self
    }

    /// Writes a shop.
    ///
    /// # Errors
    /// `InvalidInput` for coordinates that are not numbers; errors of the stream.
    pub fn write(&mut self, record: &ShopRecord) -> io::Result<()> {
        if !record.lat.is_finite() || !record.lon.is_finite() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "coordinates are not numbers"));
        }
        self.row.clear();
        match self.format {
            Format::GeoJson => {
                self.row.extend_from_slice(if self.is_empty { b"\n" } else { b",\n" });
                feature(&mut self.row, record)?;
            }
            Format::GeoJsonLines => feature(&mut self.row, record)?,
            Format::JsonLines => plain(&mut self.row, record)?,
            Format::Csv => table_row(&mut self.row, record, self.is_spreadsheet_safe)?,
            Format::Overpass => {}
        }
        if self.format != Format::GeoJson {
            self.row.push(b'\n');
        }
        self.is_empty = false;
        self.out.write_all(&self.row)
    }

    /// Completes the file, flushes the stream and returns it.
    ///
    /// # Errors
    /// Errors of the stream.
    pub fn finish(mut self) -> io::Result<W> {
        if self.format == Format::GeoJson {
            self.out.write_all(b"\n]}\n")?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A JSON object under construction.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Members<'a> {
    fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_first: true }
    }

    fn key(&mut self, key: &str) -> io::Result<&mut Vec<u8>> {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        string(self.out, key)?;
        self.out.push(b':');
        Ok(self.out)
    }

    fn text(&mut self, key: &str, value: &str) -> io::Result<()> {
        string(self.key(key)?, value)
    }

    fn number(&mut self, key: &str, value: impl std::fmt::Display) -> io::Result<()> {
        write!(self.key(key)?, "{value}")
    }

    fn texts<'t>(&mut self, members: impl Iterator<Item = (&'t str, &'t str)>) -> io::Result<()> {
        for (key, value) in members {
            self.text(key, value)?;
        }
        Ok(())
    }

    /// Adds a nested object of texts, unless it is empty.
    fn object<'t>(&mut self, key: &str, members: impl Iterator<Item = (&'t str, &'t str)>) -> io::Result<()> {
        let mut members = members.peekable();
        if members.peek().is_none() {
            return Ok(());
        }
        let mut object = Members::open(self.key(key)?);
        object.texts(members)?;
        object.close();
        Ok(())
    }

    fn close(self) {
        self.out.push(b'}');
    }
}

fn string(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}

fn feature(out: &mut Vec<u8>, record: &ShopRecord) -> io::Result<()> {
    let id = record.external_id.strip_prefix("osm:").filter(|id| is_osm_id(id)).unwrap_or(&record.external_id);
    let mut feature = Members::open(out);
    feature.text("type", "Feature")?;
    feature.text("id", id)?;
    write!(feature.key("geometry")?, "{{\"type\":\"Point\",\"coordinates\":[{},{}]}}", record.lon, record.lat)?;
    let mut properties = Members::open(feature.key("properties")?);
    properties.texts(record.name.iter().map(|name| ("name", name.as_str())))?;
    for (language, name) in &record.names {
        properties.text(&["name:", language].concat(), name)?;
    }
    let mut words: Vec<&str> = record.categories.iter().map(String::as_str).collect();
    for key in CATEGORY_KEYS {
        let values: Vec<&str> = words.iter().filter_map(|word| value_of(word, key)).collect();
        words.retain(|word| value_of(word, key).is_none());
        if !values.is_empty() {
            properties.text(key, &values.join(";"))?;
        }
    }
    if !words.is_empty() {
        serde_json::to_writer(properties.key("categories")?, &words)?;
    }
    let keys = keys_of(record);
    let key_of = |field: TextField, usual: &'static str| {
        let other = keys.get(usual).map(String::as_str);
        other.filter(|key| Field::of_key(key) == Field::Text(field) && !record.tags.contains_key(*key)).unwrap_or(usual)
    };
    properties
        .texts(TEXT_FIELDS.iter().filter_map(|(field, key)| Some((key_of(*field, key), record.text(*field)?))))?;
    if let Some(level) = record.price_level {
        properties.number("price_level", level)?;
    }
    counts(&mut properties, record)?;
    let tags = record.tags.iter().filter(|(key, _)| *key != KEYS_TAG || keys.is_empty());
    properties.texts(tags.map(|(key, value)| (key.as_str(), value.as_str())))?;
    properties.close();
    feature.close();
    Ok(())
}

/// The keys of text fields in the file of the record, by their usual keys.
fn keys_of(record: &ShopRecord) -> BTreeMap<String, String> {
    record.tags.get(KEYS_TAG).and_then(|keys| serde_json::from_str(keys).ok()).unwrap_or_default()
}

/// The value of a word `key=value` if a semicolon list can contain it.
fn value_of<'a>(word: &'a str, key: &str) -> Option<&'a str> {
    let value = word.strip_prefix(key)?.strip_prefix('=')?;
    (!value.contains(';') && !value.is_empty() && value.trim() == value).then_some(value)
}

fn counts(members: &mut Members<'_>, record: &ShopRecord) -> io::Result<()> {
    if let Some(hundredths) = record.rating_hundredths {
        members.number("stars", stars(hundredths))?;
    }
    if let Some(count) = record.review_count {
        members.number("review_count", count)?;
    }
    match record.is_operating {
        Some(is_operating) => members.number("is_open", u8::from(is_operating)),
        None => Ok(()),
    }
}

fn plain(out: &mut Vec<u8>, record: &ShopRecord) -> io::Result<()> {
    let mut members = Members::open(out);
    let id = record.external_id.strip_prefix("yelp:").filter(|id| !id.contains(':') && !is_osm_id(id));
    members.text("business_id", id.unwrap_or(&record.external_id))?;
    members.texts(record.name.iter().map(|name| ("name", name.as_str())))?;
    members.texts(PLAIN_KEYS.iter().filter_map(|(field, key)| Some((*key, record.text(*field)?))))?;
    members.number("latitude", record.lat)?;
    members.number("longitude", record.lon)?;
    counts(&mut members, record)?;
    if !record.categories.is_empty() {
        let list = word_list(record, ", ")?;
        if list.starts_with('[') {
            members.number("categories", list)?;
        } else {
            members.text("categories", &list)?;
        }
    }
    let price = record.price_level.map(|level| level.to_string());
    let attributes = record.tags.iter().filter_map(|(key, value)| attribute(key).map(|key| (key, value.as_str())));
    let price = price.iter().map(|price| ("RestaurantsPriceRange2", price.as_str()));
    members.object("attributes", price.chain(attributes))?;
    members.object("names", record.names.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
    let tags = record.tags.iter().filter(|(key, _)| attribute(key).is_none());
    members.object("tags", tags.map(|(key, value)| (key.as_str(), value.as_str())))?;
    members.close();
    Ok(())
}

/// Key in the `attributes` of Yelp of a tag that was read from there.
fn attribute(tag: &str) -> Option<&str> {
    // A value that was rejected as price level must not be written as one.
    tag.strip_prefix("attributes.").filter(|_| tag != PRICE_ATTRIBUTE)
}

/// The words as one text; as a JSON array if one of them cannot be in a list.
fn word_list(record: &ShopRecord, separator: &str) -> io::Result<String> {
    let mut words: Vec<&str> = record.categories.iter().map(String::as_str).collect();
    words.sort_by_key(|word| category_rank(word));
    let is_simple =
        |word: &&str| !word.is_empty() && word.trim() == *word && !word.contains([',', ';']) && !word.starts_with('[');
    if words.iter().all(is_simple) {
        return Ok(words.join(separator));
    }
    Ok(serde_json::to_string(&words)?)
}

fn csv_header() -> String {
    let mut names = vec!["id", "name", "latitude", "longitude", "categories"];
    names.extend(PLAIN_KEYS.iter().map(|(_, key)| *key));
    names.extend(["price_level", "stars", "review_count", "is_open", "names", "tags"]);
    names.join(",") + "\n"
}

fn table_row(out: &mut Vec<u8>, record: &ShopRecord, is_safe: bool) -> io::Result<()> {
    let object = |texts: &BTreeMap<String, String>| match texts.is_empty() {
        true => Ok(String::new()),
        false => serde_json::to_string(texts),
    };
    let text = |text: &str| if is_safe && is_formula(text) { ["'", text].concat() } else { text.to_owned() };
    cell(out, &text(&record.external_id));
    next_cell(out, &text(record.name.as_deref().unwrap_or_default()));
    next_cell(out, &record.lat.to_string());
    next_cell(out, &record.lon.to_string());
    next_cell(out, &text(&word_list(record, ";")?));
    for (field, _) in PLAIN_KEYS {
        next_cell(out, &text(record.text(field).unwrap_or_default()));
    }
    let numbers = [
        record.price_level.map(|level| level.to_string()),
        record.rating_hundredths.map(stars),
        record.review_count.map(|count| count.to_string()),
        record.is_operating.map(|is_operating| u8::from(is_operating).to_string()),
    ];
    numbers.iter().for_each(|number| next_cell(out, number.as_deref().unwrap_or_default()));
    next_cell(out, &object(&record.names)?);
    next_cell(out, &object(&record.tags)?);
    Ok(())
}

/// Whether a spreadsheet may execute the text, also after blanks and in full-width characters.
fn is_formula(text: &str) -> bool {
    let starts = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    text.starts_with(['\t', '\r', '\n']) || text.trim_start().starts_with(starts)
}

fn next_cell(out: &mut Vec<u8>, text: &str) {
    out.push(b',');
    cell(out, text);
}

fn cell(out: &mut Vec<u8>, text: &str) {
    if !text.contains(['"', ',', ';', '\t', '\n', '\r']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}
