//! The centroid of a GeoJSON geometry.
#![expect(clippy::float_arithmetic, reason = "centroids are geometry")]

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::record::Fault;

/// Longitude and latitude in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Vertex {
    pub(crate) lon: f64,
    pub(crate) lat: f64,
}

impl<'de> Deserialize<'de> for Vertex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = Vertex;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("longitude and latitude")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vertex, A::Error> {
                let lon = seq.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(0, &self))?;
                let lat = seq.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(1, &self))?;
                // Skips the altitude and further values.
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Vertex { lon, lat })
            }
        }
        deserializer.deserialize_seq(Pair)
    }
}

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    coordinates: Option<&'a RawValue>,
}

/// Types of geometries with coordinates. A collection has none, and no single position.
const KINDS: [&str; 6] = ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"];

/// The centroid of a geometry.
pub(crate) fn center(geometry: &RawValue) -> Result<Vertex, Fault> {
    let broken = |error: serde_json::Error| Fault::at("geometry", error.to_string());
    let shape: Option<Shape<'_>> = serde_json::from_str(geometry.get()).map_err(broken)?;
    let Some(Shape { kind, coordinates }) = shape else { return Err(Fault::at("geometry", "missing")) };
    if !KINDS.contains(&kind.as_ref()) {
        return Err(Fault::at(
            "geometry",
            format!("the type {kind} is not supported; supported are {}", KINDS.join(", ")),
        ));
    }
    let Some(coordinates) = coordinates else { return Err(Fault::at("geometry", "coordinates are missing")) };
    let text = coordinates.get();
    let center = match kind.as_ref() {
        "Point" => Some(serde_json::from_str(text).map_err(broken)?),
        "MultiPoint" => mean(&serde_json::from_str::<Vec<Vertex>>(text).map_err(broken)?),
        "LineString" => of_lines(&[serde_json::from_str(text).map_err(broken)?]),
        "MultiLineString" => of_lines(&serde_json::from_str::<Vec<_>>(text).map_err(broken)?),
        "Polygon" => of_polygons(&[serde_json::from_str(text).map_err(broken)?]),
        _ => of_polygons(&serde_json::from_str::<Vec<_>>(text).map_err(broken)?),
    };
    center.ok_or_else(|| Fault::at("geometry", "empty"))
}

/// The centroid of vertices.
pub(crate) fn mean(vertices: &[Vertex]) -> Option<Vertex> {
    let origin = *vertices.first()?;
    weigh(origin, vertices.iter().map(|vertex| (unrolled(origin, *vertex), 1.0)))
}

fn of_lines(lines: &[Vec<Vertex>]) -> Option<Vertex> {
    let vertices = lines.concat();
    let origin = *vertices.first()?;
    let parts = lines.iter().flat_map(|line| line.array_windows::<2>()).map(|[from, to]| {
        let (from, to) = (unrolled(origin, *from), unrolled(origin, *to));
        let middle = Vertex { lon: (from.lon + to.lon) / 2.0, lat: (from.lat + to.lat) / 2.0 };
        (middle, (to.lon - from.lon).hypot(to.lat - from.lat))
    });
    weigh(origin, parts).or_else(|| mean(&vertices))
}

/// Rings are weighted by area; the first ring of a polygon is its outline, the others are holes.
fn of_polygons(polygons: &[Vec<Vec<Vertex>>]) -> Option<Vertex> {
    let outlines: Vec<Vertex> = polygons.iter().filter_map(|rings| rings.first()).flatten().copied().collect();
    let origin = *outlines.first()?;
    let rings = polygons.iter().flat_map(|rings| rings.iter().enumerate()).filter_map(|(index, ring)| {
        let (center, area) = of_ring(origin, ring)?;
        Some((center, if index == 0 { area } else { -area }))
    });
    weigh(origin, rings).or_else(|| mean(&outlines))
}

/// Centroid and area of a ring (shoelace formula), relative to the origin.
fn of_ring(origin: Vertex, ring: &[Vertex]) -> Option<(Vertex, f64)> {
    let (mut lon, mut lat, mut twice_area) = (0.0, 0.0, 0.0);
    let next = ring.iter().cycle().skip(1);
    for (from, to) in ring.iter().zip(next) {
        let (from, to) = (unrolled(origin, *from), unrolled(origin, *to));
        let cross = from.lon * to.lat - to.lon * from.lat;
        lon += (from.lon + to.lon) * cross;
        lat += (from.lat + to.lat) * cross;
        twice_area += cross;
    }
    let center = Vertex { lon: lon / (3.0 * twice_area), lat: lat / (3.0 * twice_area) };
    (twice_area != 0.0).then(|| (center, twice_area.abs()))
}

/// The weighted mean of points relative to the origin, as absolute coordinates; `None` without weight.
fn weigh(origin: Vertex, parts: impl Iterator<Item = (Vertex, f64)>) -> Option<Vertex> {
    let (lon, lat, weight) = parts.fold((0.0, 0.0, 0.0), |(lon, lat, total), (point, weight)| {
        (lon + point.lon * weight, lat + point.lat * weight, total + weight)
    });
    if weight <= 0.0 || !weight.is_finite() {
        return None;
    }
    let lon = origin.lon + lon / weight;
    let lon = if lon > 180.0 { lon - 360.0 } else { lon };
    Some(Vertex { lon: if lon < -180.0 { lon + 360.0 } else { lon }, lat: origin.lat + lat / weight })
}

/// A vertex relative to the origin, on the shorter way around the globe, for shapes across the date line.
fn unrolled(origin: Vertex, vertex: Vertex) -> Vertex {
    let lon = vertex.lon - origin.lon;
    let lon = if lon > 180.0 { lon - 360.0 } else { lon };
    Vertex { lon: if lon < -180.0 { lon + 360.0 } else { lon }, lat: vertex.lat - origin.lat }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centroids_of_shapes_are_found() {
        for (geometry, expected) in [
            (r#"{"type":"Point","coordinates":[1.5,2.5,30]}"#, Some((1.5, 2.5))),
            (r#"{"coordinates":[[0,0],[2,0],[2,0]],"type":"LineString"}"#, Some((1.0, 0.0))),
            (r#"{"type":"LineString","coordinates":[[3,4],[3,4]]}"#, Some((3.0, 4.0))),
            (r#"{"type":"MultiPoint","coordinates":[[0,0],[4,0],[2,3]]}"#, Some((2.0, 1.0))),
            (r#"{"type":"MultiLineString","coordinates":[[[0,0],[2,0]],[[0,2],[2,2]]]}"#, Some((1.0, 1.0))),
            (r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,2],[0,2],[0,0]]]}"#, Some((2.0, 1.0))),
            // A hole on the right moves the centroid to the left.
            (
                r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,2],[0,2],[0,0]],[[2,0],[4,0],[4,2],[2,2],[2,0]]]}"#,
                Some((1.0, 1.0)),
            ),
            (
                r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[2,0],[2,2],[0,2],[0,0]]],[[[10,0],[12,0],[12,2],[10,2],[10,0]]]]}"#,
                Some((6.0, 1.0)),
            ),
            // Across the date line.
            (r#"{"type":"Polygon","coordinates":[[[179,0],[-179,0],[-179,2],[179,2],[179,0]]]}"#, Some((180.0, 1.0))),
            (r#"{"type":"Polygon","coordinates":[[[-179,0],[179,0],[178,0],[-179,0]]]}"#, Some((179.75, 0.0))),
            (r#"{"type":"Polygon","coordinates":[]}"#, None),
            (r#"{"type":"Polygon","coordinates":[[]]}"#, None),
            (r#"{"type":"Point","coordinates":[1]}"#, None),
            (r#"{"type":"Point","coordinates":["a","b"]}"#, None),
            (r#"{"type":"Point"}"#, None),
            (r#"{"type":"Circle","coordinates":[1,2]}"#, None),
            ("null", None),
            ("7", None),
        ] {
            let raw: &RawValue = serde_json::from_str(geometry).unwrap();
            let found = center(raw).ok();
            let is_near = match (found, expected) {
                (Some(found), Some((lon, lat))) => (found.lon - lon).abs() < 1e-9 && (found.lat - lat).abs() < 1e-9,
                (found, expected) => found.is_none() && expected.is_none(),
            };
            assert!(is_near, "{geometry}: {found:?}");
        }
    }
}
