//! Reading and writing of files.

use std::io::{BufReader, Cursor};

use proptest::prelude::*;

use super::*;

const FORMATS: [Format; 4] = [Format::GeoJson, Format::GeoJsonLines, Format::Csv, Format::JsonLines];

fn rows(text: &[u8], options: &ReadOptions) -> Vec<Row> {
    ShopReader::open(text, "", options).unwrap().map(Result::unwrap).collect()
}

fn in_format(format: Format) -> ReadOptions {
    ReadOptions { format: Some(format), ..ReadOptions::default() }
}

/// The records and rejections of a file, one per line.
fn summary(text: &str, options: &ReadOptions) -> String {
    let lines = rows(text.as_bytes(), options).into_iter().map(|row| match row.content {
        Ok(shop) => {
            format!("{} {} {:?} {},{}", row.line, shop.external_id, shop.name.unwrap_or_default(), shop.lat, shop.lon)
        }
        Err(refused) => refused.to_string(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn only(text: &str, options: &ReadOptions) -> ShopRecord {
    let [Row { content: Ok(shop), .. }] = &rows(text.as_bytes(), options)[..] else { panic!("{text}") };
    shop.clone()
}

fn written(records: &[ShopRecord], format: Format) -> Vec<u8> {
    let mut writer = ShopWriter::new(Vec::new(), format).unwrap();
    records.iter().for_each(|record| writer.write(record).unwrap());
    writer.finish().unwrap()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn tags(tags: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

const FEATURE: &str = r#"{"type":"Feature","properties":{"@id":"node/17","name":"Mussel Inn","name:zh":"蚌","amenity":"restaurant",
"cuisine":"seafood;fish","addr:housenumber":"61-65","addr:street":"Rose Street","addr:city":"Edinburgh","addr:postcode":"EH2 2NH",
"opening_hours":"Mo-Su 12:00-22:00","contact:phone":"+44 843 289 2481","website":"http://example.org/","source":"survey",
"levels":2,"access":null,"extra":{"a":[1]}},"geometry":{"type":"Point","coordinates":[-3.1990778,55.9525208]},"id":"node/17"}"#;

#[test]
fn a_feature_keeps_everything() {
    let expected = ShopRecord {
        external_id: "osm:node/17".to_owned(),
        name: some("Mussel Inn"),
        names: tags(&[("zh", "蚌")]),
        lat: 55.952_520_8,
        lon: -3.199_077_8,
        categories: ["amenity=restaurant", "cuisine=seafood", "cuisine=fish"].map(str::to_owned).to_vec(),
        phone: some("+44 843 289 2481"),
        website: some("http://example.org/"),
        address: Address {
            house_number: some("61-65"),
            street: some("Rose Street"),
            city: some("Edinburgh"),
            postcode: some("EH2 2NH"),
            ..Address::default()
        },
        hours: some("Mo-Su 12:00-22:00"),
        tags: tags(&[("source", "survey"), ("levels", "2"), ("extra", r#"{"a":[1]}"#)]),
        ..ShopRecord::default()
    };
    let collection = format!("{{\"a\":[{{}},\"]\"],\"type\":\"FeatureCollection\",\"features\":[{FEATURE}],\"b\":1}}");
    assert_eq!(only(&collection, &ReadOptions::default()), expected);
    assert_eq!(only(&format!("\u{feff}[{FEATURE}]"), &ReadOptions::default()), expected);
    let line = FEATURE.replace('\n', "");
    assert_eq!(only(&line, &in_format(Format::GeoJsonLines)), expected);
    assert_eq!(only(&format!("\u{1e}{line}\r\n"), &ReadOptions::default()), expected);
}

#[test]
fn rejected_rows_are_reported_and_the_rest_is_read() {
    let text = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","id":1,"geometry":{"type":"Point","coordinates":[10,20]},"properties":{"name":"one"}},
{"type":"Feature","id":2,"geometry":null,"properties":{"name":"two"}},

{"type":"Feature","id":3,"geometry":{"type":"Point","coordinates":[10,91]},"properties":null},
{"type":"Feature","id":4,"geometry":{"type":"Point","coordinates":[-180,-90]}},
17, "x]", {"type":"Feature" "id":5},
{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"name":"no id"}}
]}"#;
    assert_eq!(
        summary(text, &ReadOptions::default()),
        "2 geojson:1 \"one\" 20,10
line 3, geometry: missing
line 5, latitude: must be between -90 and 90, got 91
6 geojson:4 \"\" -90,-180
line 7: not a JSON object: invalid type: integer `17`, expected an object at line 1 column 2
line 7: not a JSON object: invalid type: string \"x]\", expected an object at line 1 column 4
line 7: not a JSON object: expected `,` or `}` at line 1 column 19
8 place:2,1/no id \"no id\" 2,1"
    );
}

#[test]
fn overpass_responses_are_read() {
    let text = r#"{"version":0.6,"generator":"Overpass API","osm3s":{"timestamp_osm_base":"x"},"elements":[
{"type":"node","id":1,"lat":55.1,"lon":-3.1,"tags":{"amenity":"cafe","name":"A","id":"7"}},
{"type":"way","id":2,"center":{"lat":55.2,"lon":-3.2},"nodes":[1,2],"tags":{"shop":"bakery","name":"B"}},
{"type":"relation","id":3,"geometry":[{"lat":1,"lon":2},null,{"lat":3,"lon":4}],"tags":{"name":"C"}},
{"type":"way","id":4,"tags":{"name":"D"}},
{"type":"node","id":5,"lat":55.1,"lon":-3.1}]}"#;
    assert_eq!(
        summary(text, &ReadOptions::default()),
        "2 osm:node/1 \"A\" 55.1,-3.1
3 osm:way/2 \"B\" 55.2,-3.2
4 osm:relation/3 \"C\" 2,3
line 5, center: missing
line 6, tags: missing"
    );
}

#[test]
fn reads_businesses_in_the_shape_of_yelp() {
    let text = r#"{"business_id":"tnhfDv5Il8EaGSXZGiuQGg","name":"Caf\u00e9 \"C\"","address":"475 3rd St","city":"San Francisco","state":"CA","postal_code":"94107","latitude":37.7817529521,"longitude":-122.39612197,"stars":4.5,"review_count":1198,"is_open":0,"attributes":{"RestaurantsPriceRange2":"2","BusinessParking":"{'garage': False}","WiFi":null},"categories":"Restaurants, Food Trucks, Soup & Co","hours":{"Monday":"8:0-18:30","Tuesday":"8:0-18:30","Wednesday":"8:0-18:30","Friday":"17:30-2:0","Sunday":"0:0-0:0"}}"#;
    let shop = only(text, &ReadOptions::default());
    let expected = ShopRecord {
        external_id: "yelp:tnhfDv5Il8EaGSXZGiuQGg".to_owned(),
        name: some("Café \"C\""),
        lat: 37.781_752_952_1,
        lon: -122.396_121_97,
        categories: ["Restaurants", "Food Trucks", "Soup & Co"].map(str::to_owned).to_vec(),
        address: Address {
            line: some("475 3rd St"),
            city: some("San Francisco"),
            region: some("CA"),
            postcode: some("94107"),
            ..Address::default()
        },
        hours: some("Mo-We 08:00-18:30; Fr 17:30-02:00; Su 00:00-24:00"),
        price_level: Some(2),
        rating_hundredths: Some(450),
        review_count: Some(1_198),
        is_operating: Some(false),
        tags: tags(&[("attributes.BusinessParking", "{'garage': False}")]),
        ..ShopRecord::default()
    };
    assert_eq!(shop, expected);
    let written = String::from_utf8(written(&[shop], Format::JsonLines)).unwrap();
    assert!(written.contains(r#""business_id":"tnhfDv5Il8EaGSXZGiuQGg""#), "{written}");
    assert!(written.contains(r#""attributes":{"RestaurantsPriceRange2":"2","BusinessParking":"{'garage': False}"}"#));
    // Values that do not fit their field are kept as tags.
    let odd = only(
        r#"{"id":7,"lat":"1","lon":"2","stars":9,"price_level":"$$","hours":{"Someday":"x"},"categories":null,"is_open":"?","phone":"1","contact:phone":"2"}"#,
        &in_format(Format::JsonLines),
    );
    assert_eq!((odd.external_id.as_str(), odd.hours.as_deref()), ("json:7", Some(r#"{"Someday":"x"}"#)));
    assert_eq!(odd.tags, tags(&[("stars", "9"), ("price_level", "$$"), ("is_open", "?"), ("contact:phone", "2")]));
}

#[test]
fn reads_tables_by_their_headers_and_by_mapping() {
    let text = "\u{feff}Id;Title;Y;X;Zip;Notes;Kind\r\n7;\"A \"\"b\"\"; c\";1.5;2.5;EH1;;cafe, bar\r\n\r\n8;\"two\nlines\";1;2;;n;\r\n9;x;1;2\n10;y;north;2;;;\n11;z;1;;;;\n";
    let shops = rows(text.as_bytes(), &ReadOptions::default());
    let first = shops[0].content.clone().unwrap();
    assert_eq!((first.name.as_deref(), first.address.postcode.as_deref()), (Some("A \"b\"; c"), Some("EH1")));
    assert_eq!(first.categories, ["cafe", "bar"]);
    assert_eq!(shops[1].content.clone().unwrap().tags, tags(&[("Notes", "n")]));
    assert_eq!(
        summary(text, &ReadOptions::default()),
        "2 csv:7 \"A \\\"b\\\"; c\" 1.5,2.5
4 csv:8 \"two\\nlines\" 1,2
line 6: the row must have 7 cells, got 4
line 7, Y: must be a number of degrees, got \"north\"
line 8, longitude: missing"
    );
    let mapped = ReadOptions {
        columns: ["name=Who", "latitude=N", "longitude=E", "id=Name"].map(|text| text.parse().unwrap()).to_vec(),
        ..ReadOptions::default()
    };
    assert_eq!(summary("Who\tN\tE\tName\nA\t1\t2\tx:1\n", &mapped), "2 x:1 \"A\" 1,2");
    for (header, error) in [("Who,N,E\n", "the table has no column \"Name\""), ("", "the table must have a header")] {
        let options = ReadOptions { format: Some(Format::Csv), ..mapped.clone() };
        assert_eq!(ShopReader::open(header.as_bytes(), "", &options).unwrap_err().to_string(), error);
    }
    let error = ShopReader::open(&b"name,lat\n"[..], "", &ReadOptions::default()).unwrap_err().to_string();
    assert_eq!(error, "the table has no column longitude: name it, for example --map longitude=Y");
    for broken in ["name", "=x", "name=", "colour=Hue"] {
        assert_eq!(broken.parse::<ColumnMapping>(), Err(NotAMapping), "{broken}");
    }
}

#[test]
fn formats_are_detected() {
    for (file_name, head, expected) in [
        ("a.json", "{ \"type\": \"FeatureCollection\", ", Some(Format::GeoJson)),
        ("a.geojson", "{", Some(Format::GeoJson)),
        ("a.json", "{\"type\":\"Feature\",\"geometry\"", Some(Format::GeoJsonLines)),
        ("a.json", "{\"version\":0.6,\"osm3s\":{}", Some(Format::Overpass)),
        ("yelp_academic_dataset_business.json", "{\"business_id\":\"x\"", Some(Format::JsonLines)),
        ("a.ndjson", "{\"id\":1", Some(Format::JsonLines)),
        ("a", "[{\"id\":1", Some(Format::GeoJson)),
        ("shops.CSV", "name", Some(Format::Csv)),
        ("shops", "name;lat;lon\n", Some(Format::Csv)),
        ("shops", "hello", None),
        ("shops.xyz", "{}", None),
        ("", "", None),
    ] {
        assert_eq!(Format::detect(file_name, head.as_bytes()), expected, "{file_name} {head}");
    }
    for format in FORMATS {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    assert!(matches!(ShopReader::open(&b"hello"[..], "a", &ReadOptions::default()), Err(OpenError::FormatUnknown)));
    assert_eq!(ShopWriter::new(Vec::new(), Format::Overpass).unwrap_err().kind(), std::io::ErrorKind::Unsupported);
}

#[test]
fn rows_have_limits() {
    let long = "x".repeat(ROW_BYTES_MAX);
    let deep = "[".repeat(65) + &"]".repeat(65);
    let deep_plain = format!("{{\"lat\":1,\"lon\":2,\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let good = r#"{"id":1,"lat":1,"lon":2}"#;
    let lines = format!("{{\"id\":\"{long}\"}}\n{good}\n{long}\n");
    let read = summary(&lines, &in_format(Format::JsonLines));
    assert_eq!(
        read,
        "line 1: the row must have at most 4 MiB\n2 json:1 \"\" 1,2\nline 3: the row must have at most 4 MiB"
    );
    let items = format!("[{{\"id\":\"{long}\"}},{deep},{good}]");
    let read = summary(&items, &in_format(Format::GeoJson));
    assert_eq!(
        read,
        "line 1: the row must have at most 4 MiB\nline 1: the row must be nested at most 64 levels deep\n1 geojson:1 \"\" 1,2"
    );
    assert_eq!(rows(deep_plain.as_bytes(), &in_format(Format::JsonLines)).len(), 1);
    let table = format!("id,lat,lon\n1,1,2\n{long},1,2\n2,1,2\n\"open,1,2\n");
    let read = summary(&table, &in_format(Format::Csv));
    assert_eq!(
        read,
        "2 csv:1 \"\" 1,2\nline 3: the row must have at most 4 MiB\n4 csv:2 \"\" 1,2\nline 5: a quote is not closed"
    );
    let many: Vec<String> = (0..=TAGS_MAX).map(|index| format!("\"k{index}\":1")).collect();
    let read = summary(&format!("{{\"lat\":1,\"lon\":2,{}}}", many.join(",")), &in_format(Format::JsonLines));
    assert_eq!(read, "line 1: the row must have at most 1024 tags");
}

#[test]
fn a_truncated_file_is_reported() {
    for (text, expected) in [
        ("[{\"lat\":1,\"lon\":2},{\"lat\":", "1 place:1,2/ \"\" 1,2\nline 1: the file ends within a row"),
        ("[{\"lat\":1,\"lon\":2}", "1 place:1,2/ \"\" 1,2\nline 1: the file ends within the array"),
        ("{\"a\":1}", "line 1: there is no array of features or elements"),
        ("{\"features\":7}", "line 1: there is no array of features or elements"),
        ("nonsense", "line 1: there is no array of features or elements"),
        ("", "line 1: there is no array of features or elements"),
    ] {
        assert_eq!(summary(text, &in_format(Format::GeoJson)), expected, "{text}");
    }
    assert_eq!(summary("", &in_format(Format::JsonLines)), "");
}

#[test]
fn an_invalid_position_is_rejected() {
    let position = Position { bytes: 10, line_feeds: 2, rows: 3 };
    assert_eq!(position.to_string().parse(), Ok(position));
    for text in ["", "1-2", "1-2-3-4", "a-1-2", "-1-2-3"] {
        assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text}");
    }
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9 ,;=\"'\\\\\n\r\t|é蚌{}\\[\\]:-]{0,12}",
        "[0-9]{1,3}(\\.[0-9]{1,3})?",
        Just("null".to_owned()),
        Just("[\"a\"]".to_owned()),
    ]
}

/// Keys of fields, their aliases, and unknown keys.
fn any_key() -> impl Strategy<Value = String> {
    const KEYS: [&str; 30] = [
        "name",
        "name:zh",
        "name:en",
        "amenity",
        "shop",
        "cuisine",
        "categories",
        "category",
        "phone",
        "contact:phone",
        "website",
        "url",
        "addr:street",
        "street",
        "addr:city",
        "city",
        "state",
        "addr:state",
        "postcode",
        "addr:full",
        "address",
        "opening_hours",
        "hours",
        "price_level",
        "stars",
        "rating",
        "review_count",
        "is_open",
        "attributes.RestaurantsPriceRange2",
        "attributes.WiFi",
    ];
    prop_oneof![4 => prop::sample::select(KEYS.to_vec()).prop_map(str::to_owned), 1 => "[a-z:\"é]{1,8}"]
}

/// A record that a file may contain.
fn any_record() -> impl Strategy<Value = ShopRecord> {
    let id = prop_oneof![Just("node/1".to_owned()), "[a-z0-9:/]{1,8}", Just("yelp:abc".to_owned())];
    let words = prop::option::of(prop::collection::vec(any_value(), 0..3));
    let members = prop::collection::btree_map(any_key(), any_value(), 0..12);
    (id, -90.0_f64..=90.0, -180.0_f64..=180.0, members, words).prop_map(|(id, lat, lon, members, words)| {
        let mut object = serde_json::Map::new();
        object.insert("business_id".to_owned(), id.into());
        object.insert("latitude".to_owned(), lat.into());
        object.insert("longitude".to_owned(), lon.into());
        object.extend(members.into_iter().map(|(key, value)| (key, value.into())));
        if let Some(words) = words {
            object.insert("categories".to_owned(), words.into());
        }
        only(&serde_json::Value::from(object).to_string(), &in_format(Format::JsonLines))
    })
}

proptest! {
    /// Records that are written in any format are read unchanged.
    #[test]
    fn written_records_are_read_unchanged(records in prop::collection::vec(any_record(), 0..4)) {
        for format in FORMATS {
            let file = written(&records, format);
            let read: Vec<_> = rows(&file, &in_format(format)).into_iter().map(|row| row.content).collect();
            let expected: Vec<_> = records.iter().cloned().map(Ok).collect();
            prop_assert_eq!(read, expected, "{}", String::from_utf8_lossy(&file));
        }
    }

    /// The rows do not depend on the chunks of the stream, nor on the row at which reading resumes.
    #[test]
    fn reading_resumes_after_any_row(
        records in prop::collection::vec(any_record(), 1..5),
        chunk in 4_usize..100,
        format in prop::sample::select(FORMATS.to_vec()),
    ) {
        let file = written(&records, format);
        let options = in_format(format);
        let all = rows(&file, &options);
        for (index, row) in all.iter().enumerate() {
            let stream = BufReader::with_capacity(chunk, Cursor::new(&file));
            let rest = ShopReader::resume(stream, "", &options, row.position).unwrap();
            let rest: Vec<Row> = rest.map(Result::unwrap).collect();
            prop_assert_eq!(&rest[..], &all[index + 1..]);
            prop_assert_eq!(row.position.rows, u64::try_from(index).unwrap() + 1);
        }
        let stream = BufReader::with_capacity(chunk, Cursor::new(&file));
        let chunked: Vec<Row> = ShopReader::open(stream, "", &options).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(chunked, all);
    }

    /// Damaged files cause rejections and no panic, and reading ends.
    #[test]
    fn damaged_files_are_rejected(
        records in prop::collection::vec(any_record(), 0..3),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        format in prop::sample::select(FORMATS.to_vec()),
    ) {
        let mut file = written(&records, format);
        for (place, byte) in damage {
            if !file.is_empty() {
                let place = place.index(file.len());
                file[place] = byte;
            }
        }
        if let Ok(reader) = ShopReader::open(&file[..], "", &in_format(format)) {
            prop_assert!(reader.count() <= file.len());
        }
    }

    /// Cells equal those of the csv crate.
    #[test]
    fn cells_equal_the_reference(row in "[a,\" é]{1,20}") {
        let mut reference = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
        let expected: Vec<String> = reference.records().next().unwrap().unwrap().iter().map(str::to_owned).collect();
        // An open quote extends to the end of the row; framing rejects such a row before it is split.
        let cells = cells::Cells::of(&row, b',');
        prop_assert_eq!(cells.iter().collect::<Vec<_>>(), expected);
    }
}
