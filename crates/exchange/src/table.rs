//! Tables: the header, and the fields of its columns.

use std::str::FromStr;

use serde_json::value::RawValue;

use crate::cells::Cells;
use crate::json::{Object, set_words};
use crate::record::{Draft, Fault, Field, ShopRecord};

/// Maximum number of columns of a table.
pub const COLUMNS_MAX: usize = 1_024;

/// Maps a column of a table to a field; written as `field=Header`, for example `name=Title`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnMapping {
    /// Name of the field, as in the header of an export: `name`, `latitude`, `street`, ...
    pub field: String,
    /// Header of the column in the file.
    pub header: String,
}

/// The text is not `field=Header`, or the field is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMapping;

impl FromStr for ColumnMapping {
    type Err = NotAMapping;

    fn from_str(text: &str) -> Result<Self, NotAMapping> {
        let (field, header) = text.split_once('=').ok_or(NotAMapping)?;
        let (field, header) = (field.trim().to_owned(), header.trim().to_owned());
        let is_known = Column::of_name(&field) != Column::Field(Field::Tag) && !header.is_empty();
        if is_known { Ok(Self { field, header }) } else { Err(NotAMapping) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Column {
    Field(Field),
    /// A JSON object of tags.
    Tags,
    /// A JSON object of names by language.
    Names,
}

impl Column {
    fn of_name(name: &str) -> Self {
        // A header over several lines explains its name: "id\n(register)".
        let name = name.trim().lines().next().unwrap_or_default();
        let name = name.trim().to_lowercase().replace(' ', "_");
        let key = match name.as_str() {
            "tags" => return Self::Tags,
            "names" => return Self::Names,
            "title" | "shop_name" => "name",
            "y" => "lat",
            "x" | "long" => "lon",
            "type" | "kind" => "category",
            "tel" | "telephone" | "phone_number" => "phone",
            "web" | "homepage" => "website",
            "number" | "housenumber" => "house_number",
            "town" => "city",
            "province" => "state",
            "zip" | "zip_code" | "zipcode" => "postcode",
            "full_address" => "address",
            "price" => "price_level",
            "reviews" => "review_count",
            other => other,
        };
        Self::Field(Field::of_key(key))
    }
}

/// The header of a table.
#[derive(Debug)]
pub(crate) struct Header {
    delimiter: u8,
    columns: Vec<(String, Column)>,
}

impl Header {
    /// Parses the header. Every mapping must name one of its columns, and it must have coordinates.
    pub(crate) fn parse(row: &[u8], delimiter: u8, mappings: &[ColumnMapping]) -> Result<Self, String> {
        let text = str::from_utf8(row).or(Err("the header is not valid UTF-8"))?;
        let headers = Cells::of(trim_end(text.trim_start_matches('\u{feff}')), delimiter);
        if headers.len() > COLUMNS_MAX {
            return Err(format!("the table must have at most {COLUMNS_MAX} columns, got {}", headers.len()));
        }
        if let Some(mapping) = mappings.iter().find(|mapping| !headers.iter().any(|name| name.trim() == mapping.header))
        {
            return Err(format!("the table has no column {:?}", mapping.header));
        }
        let columns: Vec<(String, Column)> = headers.iter().map(|name| column(name.trim(), mappings)).collect();
        for (field, name) in [(Field::Lat, "latitude"), (Field::Lon, "longitude")] {
            if !columns.iter().any(|(_, column)| *column == Column::Field(field.clone())) {
                return Err(format!("the table has no column {name}: name it, for example --map {name}=Y"));
            }
        }
        Ok(Self { delimiter, columns })
    }

    /// Parses a row.
    pub(crate) fn record(&self, row: &[u8], prefix: &str) -> Result<ShopRecord, Fault> {
        let Ok(text) = str::from_utf8(row) else { return Err(Fault::row("the row must be valid UTF-8")) };
        let cells = Cells::of(trim_end(text), self.delimiter);
        if cells.len() != self.columns.len() {
            return Err(Fault::row(format!("the row must have {} cells, got {}", self.columns.len(), cells.len())));
        }
        let mut draft = Draft::default();
        for ((header, column), cell) in self.columns.iter().zip(cells.iter()) {
            set(&mut draft, column, header, cell)?;
        }
        draft.finish(prefix)
    }
}

fn column(header: &str, mappings: &[ColumnMapping]) -> (String, Column) {
    let named = |name: &str| mappings.iter().find(|mapping| mapping.header == name);
    let column = match named(header) {
        Some(mapping) => Column::of_name(&mapping.field),
        None => match Column::of_name(header) {
            // A mapping names another column for this field.
            column if mappings.iter().any(|mapping| Column::of_name(&mapping.field) == column) => {
                Column::Field(Field::Tag)
            }
            column => column,
        },
    };
    (header.to_owned(), column)
}

fn set(draft: &mut Draft, column: &Column, header: &str, cell: &str) -> Result<(), Fault> {
    if cell.trim().is_empty() {
        return Ok(());
    }
    let object = || Object::whole(cell).map_err(|fault| Fault::at(header, fault.reason));
    match column {
        Column::Tags => object()?.set_texts(draft, &|field| matches!(field, Field::Lat | Field::Lon)),
        Column::Names => {
            object()?.set_names(draft);
            Ok(())
        }
        Column::Field(Field::Categories) if cell.starts_with('[') => {
            let array: &RawValue = serde_json::from_str(cell).map_err(|error| Fault::at(header, error.to_string()))?;
            set_words(draft, array)
        }
        Column::Field(field) => draft.set(field, header, cell),
    }
}

/// The delimiter of a table: the most frequent of comma, semicolon and tab in its header, outside of quotes.
pub(crate) fn delimiter(head: &[u8]) -> u8 {
    let mut is_quoted = false;
    let header = head.iter().filter(|byte| {
        is_quoted ^= **byte == b'"';
        !is_quoted
    });
    let header: Vec<u8> = header.copied().take_while(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let count = |delimiter: &u8| header.iter().filter(|byte| *byte == delimiter).count();
    // `max_by_key` returns the last maximum: the comma has priority.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// The delimiter that a line `sep=;` in front of the header states.
pub(crate) fn separator_line(row: &[u8]) -> Option<u8> {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    let row = row.strip_suffix(b"\r").unwrap_or(row);
    let row = row.strip_prefix(b"\"").and_then(|row| row.strip_suffix(b"\"")).unwrap_or(row);
    let (word, delimiter) = row.split_at_checked(4)?;
    match delimiter {
        [delimiter] if word.eq_ignore_ascii_case(b"sep=") && delimiter.is_ascii() => Some(*delimiter),
        _ => None,
    }
}

fn trim_end(row: &str) -> &str {
    let row = row.strip_suffix('\n').unwrap_or(row);
    row.strip_suffix('\r').unwrap_or(row)
}
