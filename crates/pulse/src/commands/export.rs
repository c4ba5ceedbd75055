//! `pulse export`.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal};

use anyhow::Context;
use pulse_exchange::Format;
use pulse_node::transfer::export::export;
use pulse_node::{Node, NodeOptions};

use super::arguments::{ExportShops, require_data};

/// `pulse export shops`.
pub(super) async fn shops(arguments: ExportShops) -> anyhow::Result<()> {
    let config = arguments.node.quiet_config()?;
    require_data(&config)?;
    let telemetry = pulse_telemetry::init(&config.telemetry.telemetry())?;
    let node = Node::start(&config, NodeOptions::for_command()).await?;
    let outcome = write(&node, &arguments).await;
    node.stop().await;
    telemetry.shutdown().await;
    let count = outcome?;
    eprintln!("{count} shops exported.");
    Ok(())
}

async fn write(node: &Node, arguments: &ExportShops) -> anyhow::Result<u64> {
    let (shops, clock, file) = (&node.shops().shops, &node.clock, &arguments.file);
    if file.as_os_str() == "-" {
        let (out, format) = (io::stdout(), arguments.format.unwrap_or(Format::GeoJson));
        let is_safe = arguments.spreadsheet_safe.unwrap_or_else(|| out.is_terminal());
        return export(shops, clock, BufWriter::new(out), format, is_safe).await;
    }
    let format = arguments.format.unwrap_or_else(|| format_of(&file.to_string_lossy()));
    let is_safe = arguments.spreadsheet_safe.unwrap_or(false);
    // Written to a second file and renamed, so that a reader never sees an incomplete file.
    let beside = file.with_added_extension("part");
    let out = File::create(&beside).with_context(|| format!("cannot write {}", beside.display()))?;
    let count = export(shops, clock, BufWriter::new(out), format, is_safe).await?;
    fs::rename(&beside, file).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(count)
}

/// Format of a file name; GeoJSON if it is unknown. Overpass is an import format only.
fn format_of(name: &str) -> Format {
    let format = Format::detect(name, b"").or_else(|| Format::detect(name, b"{"));
    format.filter(|format| *format != Format::Overpass).unwrap_or(Format::GeoJson)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_determines_the_format() {
        for (name, format) in [
            ("shops.csv", Format::Csv),
            ("shops.jsonl", Format::JsonLines),
            ("shops.geojsonl", Format::GeoJsonLines),
            ("shops.geojson", Format::GeoJson),
            ("shops.json", Format::GeoJson),
            ("shops", Format::GeoJson),
        ] {
            assert_eq!(format_of(name), format, "{name}");
        }
    }
}
