//! Arguments of `pulse import` and `pulse export`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pulse_exchange::{ColumnMapping, Format};

use super::node::NodeArguments;

/// Import data from files.
#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Import {
    Shops(ImportShops),
}

/// Import the shops of a file.
///
/// Formats: GeoJSON FeatureCollection with OpenStreetMap tags, GeoJSON lines, Overpass API JSON, CSV with a header, JSON lines
/// of the Yelp open data set. The format is detected from the file.
///
/// A row replaces the shop with the same external id, so importing a file twice changes nothing. An invalid row is refused
/// with its line number and the reason; the other rows are imported. Of several rows with the same id the last one wins;
/// within a batch of 500 rows the later one is refused. An interrupted import continues at its last checkpoint. Stop the
/// node before the import if it uses the same data folder.
///
/// Exit codes: 0 all rows imported; 3 some rows refused; 1 the import failed; 2 invalid arguments.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pulse import shops eateries.geojson --time-zone Europe/London
  pulse import shops list.csv --map name=Title,latitude=Y,longitude=X --source register
  pulse import shops business.jsonl --refused refused.jsonl --json")]
pub(in crate::commands) struct ImportShops {
    /// File to import; - for standard input.
    pub(in crate::commands) file: PathBuf,
    #[command(flatten)]
    pub(in crate::commands) node: NodeArguments,
    /// Format of the file: geojson, geojson-lines, overpass, csv or jsonl [default: detected].
    #[arg(long, value_parser = format)]
    pub(in crate::commands) format: Option<Format>,
    /// Fields of CSV columns whose headers are not recognized, for example name=Title,phone=Tel.
    #[arg(long, value_name = "FIELD=HEADER", value_delimiter = ',', value_parser = mapping)]
    pub(in crate::commands) map: Vec<ColumnMapping>,
    /// Cell separator of a CSV file: one ASCII character, or tab [default: detected].
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub(in crate::commands) delimiter: Option<u8>,
    /// Prefix of ids without a source: with --source register, row 17 has the external id register:17. Use one name for all
    /// versions of a list [default: the name of the file without its extension].
    #[arg(long, value_name = "NAME")]
    pub(in crate::commands) source: Option<String>,
    /// Time zone of the opening hours, an IANA name such as Europe/London [default: shop.time_zone of the configuration].
    #[arg(long, value_name = "ZONE")]
    pub(in crate::commands) time_zone: Option<String>,
    /// Write every refused row to this file, one JSON object per line.
    #[arg(long, value_name = "FILE")]
    pub(in crate::commands) refused: Option<PathBuf>,
    /// Start at the first row, even if an earlier import of this file was interrupted.
    #[arg(long)]
    pub(in crate::commands) restart: bool,
    /// Print the report as one JSON object.
    #[arg(long)]
    pub(in crate::commands) json: bool,
}

/// Export data to files.
#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Export {
    Shops(ExportShops),
}

/// Export the shops to a file that can be imported again.
///
/// The file contains every shop that is or was open, in the order of creation, without applications that an operator has
/// not approved. Shops name their categories, and an import creates the missing ones. Stop the node before the export if it uses the same data folder.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pulse export shops shops.geojson --data /var/lib/pulse
  pulse export shops --format csv > shops.csv
  pulse export shops shops.csv --spreadsheet-safe")]
pub(in crate::commands) struct ExportShops {
    /// File to write; it appears when it is complete. - for standard output.
    #[arg(default_value = "-")]
    pub(in crate::commands) file: PathBuf,
    #[command(flatten)]
    pub(in crate::commands) node: NodeArguments,
    /// Format of the file: geojson, geojson-lines, csv or jsonl [default: from the file name, otherwise geojson].
    #[arg(long, value_parser = format)]
    pub(in crate::commands) format: Option<Format>,
    /// Make a CSV file safe to open in spreadsheets: texts that they would execute as formulas get an apostrophe in front,
    /// and are not imported unchanged [default: true on a terminal, otherwise false].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(in crate::commands) spreadsheet_safe: Option<bool>,
}

fn format(text: &str) -> Result<Format, String> {
    let name = if text == "jsonl" { "json-lines" } else { text };
    name.parse().map_err(|_unknown| "must be geojson, geojson-lines, overpass, csv or jsonl".to_owned())
}

fn mapping(text: &str) -> Result<ColumnMapping, String> {
    text.parse().map_err(|_invalid| {
        "must be FIELD=HEADER with a field such as id, name, latitude, longitude, categories, phone, address or hours"
            .to_owned()
    })
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("must be one ASCII character, or tab".to_owned()),
    }
}
