//! File formats in and out: GeoJSON, Overpass, CSV and JSON lines of shops.
