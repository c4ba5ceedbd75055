//! File formats and their detection.

use std::fmt;
use std::str::FromStr;

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A GeoJSON FeatureCollection, or an array of features or of objects.
    GeoJson,
    /// One GeoJSON feature per line (RFC 8142 with and without record separators).
    GeoJsonLines,
    /// A response of the Overpass API: an object with `elements`.
    Overpass,
    /// Comma, semicolon or tab separated values with a header.
    Csv,
    /// One JSON object per line, in the shape of the Yelp open data set's businesses.
    JsonLines,
}

/// The name is not a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFormat;

const NAMES: [(Format, &str); 5] = [
    (Format::GeoJson, "geojson"),
    (Format::GeoJsonLines, "geojson-lines"),
    (Format::Overpass, "overpass"),
    (Format::Csv, "csv"),
    (Format::JsonLines, "json-lines"),
];

impl Format {
    /// Detects the format by the first bytes of a file (a few hundred are enough), or else by its name.
    #[must_use]
    pub fn detect(file_name: &str, head: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start_matches(['\u{feff}', '\u{1e}']).trim_start();
        let has = |word: &str| text.contains(word);
        let extension = file_name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        if text.starts_with('[') {
            return Some(Self::GeoJson);
        }
        if text.starts_with('{') {
            return match () {
                () if has("\"FeatureCollection\"") || has("\"features\"") => Some(Self::GeoJson),
                () if has("\"business_id\"") && !has("\"Feature\"") => Some(Self::JsonLines),
                () if has("\"Feature\"") => Some(Self::GeoJsonLines),
                () if has("\"elements\"") || has("\"osm3s\"") => Some(Self::Overpass),
                () => Self::of_extension(&extension),
            };
        }
        let looks_like_table = text.lines().next().is_some_and(|header| header.contains([',', ';', '\t']));
        (looks_like_table || matches!(extension.as_str(), "csv" | "tsv" | "txt")).then_some(Self::Csv)
    }

    fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "geojson" => Some(Self::GeoJson),
            "geojsonl" | "geojsons" | "geojsonseq" => Some(Self::GeoJsonLines),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "json" => Some(Self::Overpass),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(format, _)| format == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        NAMES.iter().find(|(_, name)| *name == text).map(|(format, _)| *format).ok_or(UnknownFormat)
    }
}
